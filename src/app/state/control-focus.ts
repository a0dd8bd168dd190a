// The keyboard's focus while one button of the run turns into another.

/** Follows the focus of a pressed button that the page removes. */
export class ControlFocus {
  #isExpected = false;

  /** A button of the run is pressed: its focus goes on to the next one. */
  expect(): void {
    this.#isExpected = true;
  }

  /**
   * Moves a lost focus to the first button that can be pressed, until then to the group. A second
   * press of the same key must not end a run, so a button that does gets no focus by itself.
   */
  follow(group: HTMLElement | null): void {
    const focused = document.activeElement;
    if (!this.#isExpected || group === null) {
      return;
    }
    if (focused !== document.body && focused !== group && focused?.matches(":disabled") === false) {
      this.#isExpected = group.contains(focused); // the visitor has moved on
      return;
    }
    const next = group.querySelector<HTMLElement>("button:not(:disabled, [data-ends])") ?? group;
    next.focus({ preventScroll: true });
  }
}
