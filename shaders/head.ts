/** Binding tables of the head's kernels, and how the vocabulary is divided among their workgroups. */
import type { Kernel } from './index.ts'

/** Entries of a shortlist: what top-k up to 100 and most of a nucleus need. At most 256, the threads of a workgroup. */
export const SHORTLIST_SIZE = 128
/** Threads of the merge, of which each takes a part. */
const MOST_GROUPS = 256
/** Rows of weights that a workgroup multiplies at once with one row of hidden states. */
const TILE = 256
/** Words of Piece. */
const PIECE_WORDS = 12

/** How weights are held: f32, f16, int8 or int4; integers with a scale for each `block`. */
export type HeadForm = { readonly bits: 32 | 16 | 8 | 4; readonly block: 16 | 32; readonly hasHalfScales: boolean }

/** Rows of hidden states that a workgroup takes: one, or four that share what is read of the weights. */
export type HeadRows = 1 | 4

/** Rows of the vocabulary that a workgroup takes, so that all pieces together take no more workgroups than the merge has threads. */
export const groupRowsOf = (vocab: number, pieces: number): number => TILE * Math.ceil(vocab / TILE / (MOST_GROUPS - pieces))

/** ids or ordered values [k] and the other, largest, sum, broken. */
export const listWords = (k: number): number => 2 * k + 3

export type NormSizes = {
  readonly rows: number
  readonly columns: number
  /** Of what is read. */
  readonly tokens: number
  readonly stride: number
  readonly hasHalves: boolean
}
export const headNormKernel: Kernel<NormSizes> = {
  label: 'head_norm',
  bindings: [
    { name: 'picked', access: 'read', elements: ({ rows }) => rows },
    { name: 'x', access: 'read', elements: ({ tokens, columns, hasHalves }) => Math.ceil((tokens * columns) / (hasHalves ? 2 : 1)) },
    { name: 'scale', access: 'read', elements: ({ columns }) => columns },
    { name: 'shift', access: 'read', elements: ({ columns }) => columns },
    { name: 'y', access: 'write', elements: ({ rows, stride }) => rows * stride },
  ],
  workgroups: ({ rows }) => [rows, 1],
}

export type ProductSizes = {
  /** Of hidden states, a multiple of `rowsAtOnce`. */
  readonly rows: number
  readonly rowsAtOnce: HeadRows
  readonly stride: number
  readonly weightWords: number
  readonly scaleWords: number
  readonly k: number
  /** Of the piece, and of all pieces. */
  readonly pieceGroups: number
  readonly groups: number
  /** 0 where they are not written. */
  readonly vocab: number
}
export const headProductKernel: Kernel<ProductSizes> = {
  label: 'head_product',
  bindings: [
    { name: 'piece', access: 'uniform', elements: () => PIECE_WORDS },
    { name: 'weights', access: 'read', elements: ({ weightWords }) => weightWords },
    { name: 'scales', access: 'read', elements: ({ scaleWords }) => scaleWords },
    { name: 'hidden', access: 'read', elements: ({ rows, stride }) => rows * stride },
    { name: 'lists', access: 'write', elements: ({ rows, groups, k }) => rows * groups * listWords(k) },
    { name: 'logits', access: 'write', elements: ({ rows, vocab }) => Math.max(4, rows * vocab) },
  ],
  workgroups: ({ pieceGroups, rows, rowsAtOnce }) => [pieceGroups, rows / rowsAtOnce],
}

export type MergeSizes = Pick<ProductSizes, 'rows' | 'groups' | 'k'>
export const headMergeKernel: Kernel<MergeSizes> = {
  label: 'head_merge',
  bindings: [
    { name: 'lists', access: 'read', elements: ({ rows, groups, k }) => rows * groups * listWords(k) },
    { name: 'output', access: 'write', elements: ({ rows, k }) => rows * listWords(k) },
  ],
  workgroups: ({ rows }) => [rows, 1],
}

export type PieceWords = {
  readonly first: number
  readonly rows: number
  readonly units: number
  readonly groupRows: number
  readonly firstGroup: number
  readonly groups: number
  readonly vocab: number
  /** Vectors of 4. */
  readonly stride: number
  readonly scale: number
  /** 0: none. */
  readonly softcap: number
  readonly isWritten: boolean
}

/** Piece as head-product.wgsl declares it. */
export function pieceBytes(piece: PieceWords): Uint8Array {
  const { first, rows, units, groupRows, firstGroup, groups, vocab, stride, scale, softcap, isWritten } = piece
  const words = Uint32Array.of(first, rows, units, groupRows, firstGroup, groups, vocab, stride, 0, 0, isWritten ? 1 : 0, 0)
  new Float32Array(words.buffer).set([scale, softcap], 8)
  return new Uint8Array(words.buffer)
}
