// Counts what passed and what failed, and says so line by line.
export class Tally {
  passed = 0;
  failed = 0;

  /** @param faults why it failed; none when it passed */
  add(name: string, faults: readonly string[]): void {
    if (faults.length === 0) {
      this.passed += 1;
    } else {
      this.failed += 1;
      console.log(`FAILED ${name}: ${faults.join("; ")}`);
    }
  }

  line(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }
}
