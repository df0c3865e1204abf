/** Which models a question can go to, and what stands in the way of the others. Pure. */
import type { ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { ModelCard } from '../../../protocol/catalog.ts'
import type { ModelId } from '../../../protocol/ids.ts'
import { modelState } from '../models/model-state.ts'
import { countOf, formatBytes } from '../parts/quantities.ts'
import { modelName, servedModels } from '../parts/ring-summary.ts'
import type { TransferSpeeds } from '../parts/transfer-speed.ts'

export type ModelChoice = {
  readonly id: ModelId
  readonly name: string
  /** `Ready over 2 devices`, `Downloading 40 %`, `Fits: 1.2 GB to load`, `Too big: 4 GB of memory are missing`. */
  readonly state: string
  /** `ask`: it answers, or will soon. `load`: choosing it loads it. `none`: it cannot be chosen. */
  readonly leads: 'ask' | 'load' | 'none'
  readonly tone: 'ready' | 'working' | 'problem' | 'idle'
}

const TONES = { ready: 'ready', loading: 'working', waiting: 'working', failed: 'problem', absent: 'idle', stored: 'idle', stopped: 'idle' } as const

function servedChoice(view: ClusterView, id: ModelId, name: string, speeds: TransferSpeeds): ModelChoice {
  const { kind, text, note } = modelState(view, id, speeds, true)
  // What failed and what nobody can hold would only end in the same sentence.
  const leads = kind === 'failed' ? 'none' : 'ask'
  return { id, name, state: kind === 'failed' && note !== '' ? `${text}. ${note}` : text, leads, tone: TONES[kind] }
}

function cardChoice({ id, name, fit, facts, error }: ModelCard): ModelChoice {
  const base = { id, name, tone: 'idle', leads: 'none' } as const
  if (error) return { ...base, state: error.message }
  switch (fit?.state) {
    case 'fits':
      return { ...base, leads: 'load', state: `Fits on ${countOf(fit.devices, 'device')}${facts ? `, ${formatBytes(facts.bytes)} to read` : ''}` }
    case 'short':
      return { ...base, state: `Too big: ${formatBytes(fit.missingBytes)} of memory are missing` }
    case 'refused':
      return { ...base, state: fit.reason }
    case 'no-devices':
      return { ...base, state: fit.neededBytes === null ? 'No devices are here' : `Needs ${formatBytes(fit.neededBytes)}, and no devices are here` }
    case undefined:
      return { ...base, state: 'Not known whether it fits' }
  }
}

/** What can be asked first, then what can be loaded, then the rest. `cards` null: the catalogue is not known yet. */
export function modelChoices(view: ClusterView, cards: readonly ModelCard[] | null, speeds: TransferSpeeds): readonly ModelChoice[] {
  const nameOf = (id: ModelId): string => cards?.find((card) => card.id === id)?.name ?? modelName(id)
  const served = servedModels(view).map((id) => servedChoice(view, id, nameOf(id), speeds))
  const ids = new Set(served.map(({ id }) => id))
  const others = (cards ?? []).filter(({ id }) => !ids.has(id)).map(cardChoice)
  const order = { ask: 0, load: 1, none: 2 } as const
  return [...served, ...others].toSorted((a, b) => order[a.leads] - order[b.leads])
}
