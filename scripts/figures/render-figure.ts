import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { Figure } from './bench-figures.ts'

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

const SIZE = { width: 720, height: 400 } as const
/** Okabe and Ito's colours, which people who see colours differently tell apart. */
const COLORS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00']

/** Three digits, as in the tables. */
const rounded = (value: number | null): number | null => (value === null ? null : Number(value.toPrecision(3)))

/** One figure as a standing SVG image, readable on any background. */
export function renderFigure({ kind, title, subtitle, xName, xs, series }: Figure): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      color: COLORS,
      textStyle: { fontFamily: 'sans-serif' },
      title: { text: title, subtext: subtitle, left: 16, top: 12, textStyle: { fontSize: 15 } },
      legend: { bottom: 8, itemGap: 18 },
      grid: { left: 64, right: 24, top: 84, bottom: 84 },
      xAxis: { type: 'category', data: xs.map(String), name: xName, nameLocation: 'middle', nameGap: 28 },
      yAxis: { type: 'value', name: 'tokens/s', min: 0 },
      series: series.map(({ name, values }) => {
        const shown = { name, data: values.map(rounded), label: { show: kind === 'bars', position: 'top' as const, fontSize: 10 } }
        return kind === 'bars' ? { type: 'bar' as const, ...shown } : { type: 'line' as const, symbolSize: 7, ...shown }
      }),
    })
    return `${chart.renderToSVGString()}\n`
  } finally {
    chart.dispose()
  }
}
