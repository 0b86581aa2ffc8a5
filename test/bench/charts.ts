/** A chart as SVG, in colours that can be read on light and on dark ground. */

import { PEERS } from "./peers.ts";
import { type Findings, medianOf, soundFinding } from "./report.ts";
import { clientsOf } from "./scenarios.ts";

const WIDTH = 860;
const HEIGHT = 460;
const PLOT = { left: 76, right: 700, top: 72, bottom: 404 } as const;
const INK = "#7a828e";
const COLOURS = ["#e5534b", "#4184e4", "#2f9e5b", "#c17a1a", "#1f9aa5"];
const LABEL_HEIGHT = 17;
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const TITLE = "One talks, more and more listen";
const SUBTITLE = "lines delivered in a second, 64 bytes each, every server on one processor";

interface Tick {
  value: number;
  label: string;
}

interface Series {
  name: string;
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Draws the speed of each server against listeners, each line labelled at its end and the main one in bold. */
export function drawSpeed({ growth }: Findings): string {
  const series: Series[] = PEERS.flatMap(({ name }, index) => {
    const points = growth.flatMap((grown) => {
      const finding = soundFinding(grown, name);
      const speed = finding && medianOf(finding, (round) => round.deliveredPerSecond);
      return speed ? [[clientsOf(grown.scenario) - 1, speed] as const] : [];
    });
    return points.length > 0 ? [{ name, colour: COLOURS[index] ?? INK, points }] : [];
  });
  const [x, y] = ([0, 1] as const).map((axis) =>
    decades(series.flatMap(({ points }) => points.map((point) => point[axis]))),
  ) as [Tick[], Tick[]];
  const xOf = scale(x, PLOT.left, PLOT.right - 24);
  const yOf = scale(y, PLOT.bottom, PLOT.top + 8);
  const labels = placeLabels(
    series.map(({ points }) => yOf(points.at(-1)?.[1] ?? 1)),
    PLOT.top + 8,
    PLOT.bottom - 4,
  );
  const grid = [
    ...y.map(({ value, label }) => {
      const at = coordinate(yOf(value));
      return `<path class="grid" d="M${PLOT.left} ${at}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${at}" dy=".35em" text-anchor="end">${label}</text>`;
    }),
    ...x.map(({ value, label }) => {
      const at = coordinate(xOf(value));
      return `<path class="grid" d="M${at} ${PLOT.bottom}v5"/><text x="${at}" y="${PLOT.bottom + 21}" text-anchor="middle">${label}</text>`;
    }),
  ];
  const lines = series.map(({ name, colour, points }, index) => {
    const drawn = points.map(([a, b]) => [coordinate(xOf(a)), coordinate(yOf(b))] as const);
    const [endX = PLOT.left, endY = PLOT.bottom] = drawn.at(-1) ?? [];
    const labelY = coordinate(labels[index] ?? endY);
    const main = name === PEERS[0]?.name;
    return [
      `<g stroke="${colour}" fill="${colour}">`,
      `<path d="M${endX} ${endY}L${PLOT.right - 6} ${labelY}" fill="none" stroke-width="1" stroke-dasharray="1 4"/>`,
      `<path d="M${drawn.map((point) => point.join(" ")).join("L")}" fill="none" stroke-width="${main ? 3 : 1.75}" stroke-linejoin="round"/>`,
      ...drawn.map(
        ([a, b]) => `<circle cx="${a}" cy="${b}" r="${main ? 3.5 : 2.5}" stroke="none"/>`,
      ),
      `<text x="${PLOT.right}" y="${labelY}" dy=".35em" fill="${colour}" stroke="none"${main ? ' font-weight="bold"' : ""}>${name}</text>`,
      `</g>`,
    ].join("");
  });
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

/** Moves labels apart, so that none covers another, and stays as near as it goes to where each belongs. */
export function placeLabels(wanted: readonly number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const placed = [...wanted];
  let above = top - LABEL_HEIGHT;
  for (const index of order) {
    above = Math.max(wanted[index] ?? 0, above + LABEL_HEIGHT);
    placed[index] = above;
  }
  let below = bottom + LABEL_HEIGHT;
  for (const index of order.toReversed()) {
    below = Math.min(placed[index] ?? 0, below - LABEL_HEIGHT);
    placed[index] = below;
  }
  return placed;
}

/** Powers of ten around some values; halved decades where there are few. */
function decades(values: readonly number[]): Tick[] {
  if (values.length === 0) return [];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const steps = most / least > 200 ? [1] : [1, 2, 5];
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++)
    all.push(...steps.map((step) => step * 10 ** power));
  const first = all.findLastIndex((value) => value <= least * 1.001);
  const last = all.findIndex((value) => value >= most * 0.999);
  return all
    .slice(Math.max(first, 0), last < 0 ? undefined : last + 1)
    .map((value) => ({ value, label: plainNumber(value) }));
}

function scale(ticks: readonly Tick[], from: number, to: number): (value: number) => number {
  const least = Math.log(ticks[0]?.value ?? 1);
  const most = Math.log(ticks.at(-1)?.value ?? 10);
  return (value) => from + ((Math.log(value) - least) / Math.max(most - least, 1e-9)) * (to - from);
}

function plainNumber(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(1)} M`;
  return value >= 1e4 ? `${+(value / 1e3).toFixed(1)},000` : value.toLocaleString("en");
}

function coordinate(value: number): number {
  return Math.round(value * 10) / 10;
}
