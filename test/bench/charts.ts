/** A chart as SVG, in colours that can be read on light and on dark ground. */

import { PEERS } from "./peers.ts";
import { type Findings, isSound, speedOf } from "./report.ts";
import { GROWTH } from "./scenarios.ts";

const WIDTH = 860;
const HEIGHT = 460;
const PLOT = { left: 76, right: 700, top: 72, bottom: 404 } as const;
const INK = "#7a828e";
const COLOURS = ["#e5534b", "#4184e4", "#2f9e5b", "#c17a1a", "#1f9aa5"];
const LABEL_HEIGHT = 17;
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const TITLE = "One talks, more and more listen";
const SUBTITLE = "lines delivered in a second, 64 bytes each, every server on one processor";

/** Draws the speed of each server against listeners, each line labelled at its end and the main one in bold. */
export function drawSpeed({ all }: Findings): string {
  const grown = all.filter((one) => one.scenario.name === GROWTH && isSound(one));
  const listenersOf = ({ scenario }: (typeof grown)[number]) => scenario.shape.listeners;
  const [x, y] = [decades(grown.map(listenersOf)), decades(grown.map(speedOf))];
  const xOf = scale(x, PLOT.left, PLOT.right - 24);
  const yOf = scale(y, PLOT.bottom, PLOT.top + 8);
  const grid = [
    ...y.map((value) => {
      const at = yOf(value);
      return `<path class="grid" d="M${PLOT.left} ${at}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${at}" dy=".35em" text-anchor="end">${plainNumber(value)}</text>`;
    }),
    ...x.map((value) => {
      const at = xOf(value);
      return `<path class="grid" d="M${at} ${PLOT.bottom}v5"/><text x="${at}" y="${PLOT.bottom + 21}" text-anchor="middle">${plainNumber(value)}</text>`;
    }),
  ];
  const drawn = PEERS.map(({ name }, index) => ({
    ...{ name, colour: COLOURS[index] ?? INK, isMain: index === 0 },
    points: grown
      .filter(({ peer }) => peer === name)
      .map((one) => [xOf(listenersOf(one)), yOf(speedOf(one))] as const),
  })).filter(({ points }) => points.length > 0);
  const labels = placeLabels(drawn.map(({ points }) => points.at(-1)?.[1] ?? PLOT.bottom));
  const lines = drawn.map(({ name, colour, isMain, points }, index) =>
    [
      `<g stroke="${colour}" fill="${colour}">`,
      `<path d="M${points.at(-1)?.join(" ")}L${PLOT.right - 6} ${labels[index]}" fill="none" stroke-width="1" stroke-dasharray="1 4"/>`,
      `<path d="M${points.map((point) => point.join(" ")).join("L")}" fill="none" stroke-width="${isMain ? 3 : 1.75}" stroke-linejoin="round"/>`,
      ...points.map(
        ([a, b]) => `<circle cx="${a}" cy="${b}" r="${isMain ? 3.5 : 2.5}" stroke="none"/>`,
      ),
      `<text x="${PLOT.right}" y="${labels[index]}" dy=".35em" fill="${colour}" stroke="none"${isMain ? ' font-weight="bold"' : ""}>${name}</text>`,
      `</g>`,
    ].join(""),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" font-family="${FONT}" font-size="13">
<title>${TITLE}</title>
<style>text{fill:${INK}}g text{fill:inherit}.grid{stroke:${INK};stroke-opacity:.35;fill:none}</style>
<text x="${PLOT.left}" y="24" font-size="17" font-weight="bold">${TITLE}</text>
<text x="${PLOT.left}" y="45">${SUBTITLE}</text>
<text x="16" y="${PLOT.top - 6}" font-size="12" font-style="italic">delivered lines/s</text>
<text x="${(PLOT.left + PLOT.right) / 2}" y="${PLOT.bottom + 44}" text-anchor="middle" font-size="12" font-style="italic">listeners</text>
${[...grid, ...lines].join("\n")}
</svg>
`;
}

/** Moves labels down where they would cover one above, which leaves each as near as it goes to its place. */
export function placeLabels(wanted: readonly number[]): number[] {
  const placed = [...wanted];
  let free = -Infinity;
  for (const [index] of [...wanted.entries()].sort(([, a], [, b]) => a - b)) {
    const at = Math.max(wanted[index] ?? 0, free);
    placed[index] = at;
    free = at + LABEL_HEIGHT;
  }
  return placed;
}

/** The powers of ten from below the least value to above the most. */
function decades(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, step) => 10 ** (first + step));
}

/** Where a value is between two places, on a scale of powers of ten. */
function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [least = 0, most = 1] = [ticks[0], ticks.at(-1)].map((tick = 1) => Math.log10(tick));
  const of = (value: number) => from + ((Math.log10(value) - least) / (most - least)) * (to - from);
  return (value) => Math.round(of(value) * 10) / 10;
}

function plainNumber(value: number): string {
  return value >= 1e6 ? `${value / 1e6} M` : value.toLocaleString("en");
}
