// Counts passed and failed cases, and prints a line for each failure.
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

  /** Prints passed cases too, for long sections. */
  tell(name: string, faults: readonly string[]): void {
    this.add(name, faults);
    if (faults.length === 0) {
      console.log(`passed ${name}`);
    }
  }

  line(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }
}
