// Colours of the chart, read from the page's custom properties so that they follow the theme.

const names = ["ink", "ink-soft", "hairline", "paper", "ember", "ember-faint", "blue"] as const;

export type ChartColors = Record<(typeof names)[number], string>;

/** Reads the computed colour of a probe element, because `light-dark()` resolves only there. */
export function readColors(element: HTMLElement): ChartColors {
  const probe = document.createElement("span");
  element.append(probe);
  const colors = Object.fromEntries(
    names.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  ) as ChartColors;
  probe.remove();
  return colors;
}
