import { expect, test } from 'vitest'
import { figuresOf } from './bench-figures.ts'
import { renderFigure } from './render-figure.ts'

const WHERE = { date: '2026-01-02T03:04:05Z', cpu: 'Test CPU', cores: 2, load: 1.25, node: 'v20', browser: 'Chromium 1' }
const sample = (tabs: number, streams: number, tokensPerSecond: number) => ({ tabs, streams, round: 0, tokensPerSecond, decodePerSecond: 1 })
const RING = {
  bench: 'ring',
  ...WHERE,
  measurements: [{ model: 'toy', samples: [sample(2, 1, 30), sample(1, 1, 10), sample(1, 1, 12), sample(1, 4, 40)], laps: [] }],
}
const HOPS = {
  bench: 'hops',
  ...WHERE,
  measurements: [0, 20].flatMap((delayMs) => [1, 4].map((streams) => ({ model: 'toy', delayMs, ...sample(3, streams, 100 * streams - delayMs) }))),
}

test('of the ring a figure shows the median of rounds by tabs and streams, nothing where nothing was measured', () => {
  expect(figuresOf(RING)).toEqual([
    {
      name: 'ring-toy',
      kind: 'bars',
      title: 'toy: tokens per second of all streams together',
      subtitle: '2026-01-02, Chromium 1, 2 cores of Test CPU, load 1.3',
      xName: 'streams at once',
      xs: [1, 4],
      series: [
        { name: '1 tab', values: [11, 40] },
        { name: '2 tabs', values: [30, null] },
      ],
    },
  ])
})

test('of hops a figure shows a line for each ring and number of streams over the delay', () => {
  expect(figuresOf(HOPS)[0]).toMatchObject({
    name: 'hops-toy',
    kind: 'lines',
    xs: [0, 20],
    series: [
      { name: '3 tabs, 1 stream', values: [100, 80] },
      { name: '3 tabs, 4 streams', values: [400, 380] },
    ],
  })
})

test('other JSON is refused', () => {
  expect(() => figuresOf({ bench: 'load', ...WHERE, measurements: [] })).toThrow()
  expect(() => figuresOf({ ...RING, measurements: [{ model: 'toy' }] })).toThrow()
})

test('a figure becomes one SVG with its words and figures, the same each time', () => {
  const [figure] = figuresOf(RING)
  if (!figure) throw new Error('no figure')
  const svg = renderFigure(figure)
  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 720 400"/)
  for (const words of [figure.title, figure.subtitle, figure.xName, '1 tab', '2 tabs', '>40<']) expect(svg).toContain(words)
})
