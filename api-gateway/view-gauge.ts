/** Gauges that are computed from the view of the cluster for each scrape. */
import { Gauge, type Registry } from 'prom-client'
import type { ClusterView } from '../core/cluster/cluster-view.ts'

type Labels = Readonly<Record<string, string>>
export type Sample = { readonly labels: Labels; readonly value: number }

/** What has left the cluster leaves the answer. */
export function viewGauge(
  registry: Registry,
  view: () => ClusterView,
  { name, help, labelNames }: { readonly name: string; readonly help: string; readonly labelNames: readonly string[] },
  samples: (view: ClusterView) => readonly Sample[],
): void {
  new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect() {
      this.reset()
      for (const { labels, value } of samples(view())) this.inc(labels, value)
    },
  })
}

export const seconds = (labels: Labels, ms: number | null): readonly Sample[] => (ms === null ? [] : [{ labels, value: ms / 1000 }])
