/** What spot checks say of devices: when a result counts as wrong, and who is left out for it. Pure: the same on every peer with the same roster. */
import type { Backend, CheckReport, PeerEntry, WeightFormat } from '../../protocol/cluster.ts'
import type { PeerId } from '../../protocol/ids.ts'
import { f16ToF32Array } from '../quant/float16.ts'

/**
 * Results of one backend differ by rounding alone, and by the order of sums: below a percent, with GPUs of several vendors somewhat more. Two backends round matrices to few bits each
 * in their own way: int8 of Ember lies 7 % apart between simd and wasm, floats a millionth. Never bit by bit (faults.md, section 4).
 */
const ALIKE: Record<Backend, number> = { simd: 0.02, wasm: 0.02, webgpu: 0.04 }
const DIFFERENT: Record<WeightFormat, number> = { f32: 0.05, f16: 0.05, int8: 0.25, int4: 0.5 }
/** So many results of a device are wrong, and this share of those that were looked at, before it is left out. */
const WRONG = { least: 3, share: 0.02 }

/** From which error on a result counts as wrong. */
export const toleranceOf = (checked: Backend | undefined, witness: Backend | undefined, format: WeightFormat): number =>
  checked !== undefined && checked === witness ? ALIKE[checked] : DIFFERENT[format]

function floatsOf(bytes: Uint8Array, type: 'f16' | 'f32'): Float32Array {
  const copy = bytes.slice().buffer
  return type === 'f32' ? new Float32Array(copy) : f16ToF32Array(new Uint16Array(copy))
}

/** Root mean square of the difference over that of what it should be; infinite where the shapes differ. */
export function deviation(found: Uint8Array, expected: Uint8Array, type: 'f16' | 'f32'): number {
  if (found.length !== expected.length) return Infinity
  const [a, b] = [floatsOf(found, type), floatsOf(expected, type)]
  let [difference, size] = [0, 0]
  for (const [i, value] of b.entries()) {
    difference += ((a[i] ?? 0) - value) ** 2
    size += value ** 2
  }
  return size === 0 ? (difference === 0 ? 0 : Infinity) : Math.sqrt(difference / size)
}

/** How far a token that was taken for the most probable one lies below it, as a part of the whole range of logits. */
export function tokenDeviation(id: number, logits: Float32Array): number {
  let [least, most] = [Infinity, -Infinity]
  for (const value of logits) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  const own = logits[id]
  return own === undefined ? Infinity : most === least ? 0 : (most - own) / (most - least)
}

type Dispute = CheckReport & { readonly reporter: PeerId }
export type Distrust = { readonly peer: PeerId; readonly reason: string }

/**
 * Devices whose results are wrong too often. Of a device and the witness that disagrees with it, it is the one that disagrees with more
 * others; with as many, the device.
 */
export function distrusted(peers: ReadonlyMap<PeerId, PeerEntry>): readonly Distrust[] {
  const reports: readonly Dispute[] = [...peers.values()].flatMap(({ id, status }) =>
    (status.checks ?? []).map((report) => ({ ...report, reporter: id })),
  )
  const disputes = reports.filter(({ checked, wrong }) => wrong >= WRONG.least && wrong >= WRONG.share * checked)
  const others = (peer: PeerId): number =>
    new Set(disputes.flatMap(({ peerId, witness }) => (peerId === peer ? [witness] : witness === peer ? [peerId] : []))).size
  const nameOf = (id: PeerId): string => peers.get(id)?.name ?? id
  const out = new Map<PeerId, string>()
  for (const { peerId, witness, checked, wrong } of disputes) {
    const [liar, other] = others(witness) > others(peerId) ? [witness, peerId] : [peerId, witness]
    out.set(liar, `${nameOf(liar)} is left out: its results were wrong in ${wrong} of ${checked} spot checks against ${nameOf(other)}`)
  }
  return [...out].map(([peer, reason]) => ({ peer, reason }))
}
