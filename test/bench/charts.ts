/** A chart as SVG, in colours that can be read on light and on dark ground. */

import { PEERS } from "./peers.ts";
import type { Finding } from "./report.ts";
import { GROWTH, LISTENERS } from "./scenarios.ts";

const WIDTH = 860;
const HEIGHT = 460;
const PLOT = { left: 76, right: 700, top: 80, bottom: 404 } as const;
/** Lines delivered in a second; both scales are of powers of ten. */
const SPEEDS = [1e4, 1e5, 1e6, 1e7, 1e8];
const INK = "#7a828e";
const COLOURS = ["#e5534b", "#4184e4", "#2f9e5b", "#c17a1a", "#1f9aa5"];
const LABEL_HEIGHT = 17;
const compact = new Intl.NumberFormat("en", { notation: "compact" });
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const TITLE = "One talks, more and more listen";
const SUBTITLE = "lines delivered in a second, 64 bytes each, every server on one processor";

/** Draws the speed of each server against listeners, each line labelled at its end and the main one in bold. */
export function drawSpeed(findings: readonly Finding[]): string {
  const xOf = scale(LISTENERS, PLOT.left, PLOT.right - 24);
  const yOf = scale(SPEEDS, PLOT.bottom, PLOT.top);
  const speeds = SPEEDS.map((speed) => {
    const y = yOf(speed);
    return `<path class="grid" d="M${PLOT.left} ${y}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${y}" dy=".35em" text-anchor="end">${compact.format(speed)}</text>`;
  });
  const listeners = LISTENERS.map((count) => {
    const x = xOf(count);
    return `<path class="grid" d="M${x} ${PLOT.bottom}v5"/><text x="${x}" y="${PLOT.bottom + 21}" text-anchor="middle">${compact.format(count)}</text>`;
  });
  const drawn = PEERS.map(({ name }, index) => {
    const points = findings.flatMap(({ peer, scenario, figures }) =>
      peer === name && scenario.name === GROWTH && figures
        ? [{ x: xOf(scenario.shape.listeners), y: yOf(figures.deliveredPerSecond) }]
        : [],
    );
    return { name, colour: COLOURS[index], isMain: index === 0, points, end: points.at(-1) };
  });
  let labelY = -Infinity;
  const lines = drawn
    .toSorted((one, other) => (one.end?.y ?? 0) - (other.end?.y ?? 0))
    .flatMap(({ name, colour, isMain, points, end }) => {
      if (end === undefined) return [];
      // A label that would cover the one above moves down.
      labelY = Math.max(end.y, labelY + LABEL_HEIGHT);
      const dots = points.map(
        ({ x, y }) => `<circle cx="${x}" cy="${y}" r="${isMain ? 3.5 : 2.5}" stroke="none"/>`,
      );
      return [
        `<g stroke="${colour}" fill="${colour}">`,
        `<path d="M${end.x} ${end.y}L${PLOT.right - 6} ${labelY}" stroke-dasharray="1 4"/>`,
        `<path d="M${points.map(({ x, y }) => `${x} ${y}`).join("L")}" fill="none" stroke-width="${isMain ? 3 : 1.75}" stroke-linejoin="round"/>`,
        ...dots,
        `<text x="${PLOT.right}" y="${labelY}" dy=".35em" stroke="none"${isMain ? ' font-weight="bold"' : ""}>${name}</text>`,
        `</g>`,
      ];
    });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="${FONT}" font-size="13">
<title>${TITLE}</title>
<style>text{fill:${INK}}g text{fill:inherit}.grid{stroke:${INK};stroke-opacity:.35;fill:none}</style>
<text x="${PLOT.left}" y="24" font-size="17" font-weight="bold">${TITLE}</text>
<text x="${PLOT.left}" y="45">${SUBTITLE}</text>
<text x="16" y="${PLOT.top - 14}" font-size="12" font-style="italic">delivered lines/s</text>
<text x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 44}" text-anchor="middle" font-size="12" font-style="italic">listeners</text>
${[...speeds, ...listeners, ...lines].join("\n")}
</svg>
`;
}

/** Where a value is between two places, on a scale of powers of ten. */
function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const decades = ticks.length - 1;
  return (value) =>
    Math.round(from + (Math.log10(value / (ticks[0] ?? 1)) / decades) * (to - from));
}
