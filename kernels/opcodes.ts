/** Numbers that a program and the kernels share. Valid both as TypeScript and as AssemblyScript: plain constants only. */

/** Operations: the low byte of an instruction's first word. */
export const END = 0
export const NORM = 1
export const QUANTIZE = 2
export const PRODUCT = 3
export const EXPERT_PRODUCT = 4
export const MAP = 5
export const ADD = 6
export const ACTIVATE = 7
export const ROTATE = 8
export const STORE = 9
export const ATTEND = 10
export const ROUTE = 11
export const COMBINE = 12
export const CONVOLVE = 13
export const SHORTLIST = 14
export const MERGE_SHORTLIST = 15

/** Flag of an instruction's first word: the next one belongs to the same stretch, as it reads nothing that another piece of this one writes. */
export const SAME_STRETCH = 256
/** The same in a pass of one row. */
export const SAME_STRETCH_ALONE = 512
/** In a pass of one row each thread does all of it by itself, into its own row of y: the others would only wait for it. */
export const EACH = 1024
/** In a pass of one row x is in the thread's own row, where EACH has put it. */
export const OWN_X = 2048

/** What MAP computes. */
export const MAP_SCALE = 0
export const MAP_SOFTCAP = 1

/** Norms. */
export const NORM_RMS = 0
export const NORM_LAYER = 1

/** Activations. */
export const ACT_SILU = 0
export const ACT_GELU = 1
export const ACT_GELU_TANH = 2
export const ACT_QUICK_GELU = 3
export const ACT_RELU = 4
export const ACT_CLAMPED_SWIGLU = 5

/** Columns of a matrix of floats that lie together, at most: four tokens' activations of them stay in a first cache. */
export const FLOAT_COLUMNS = 1024
/** Columns that a row of floats is padded to a multiple of. */
export const FLOAT_UNIT = 8

/** How a matrix is held. */
export const HELD_F32 = 0
export const HELD_F16 = 1
export const HELD_BF16 = 2
/** One scale a row. */
export const HELD_INT8_ROW = 3
/** One scale for each 32 of a row. */
export const HELD_INT8_BLOCK = 4
/** Nibbles of 32 in Q4_0's order, one scale each. */
export const HELD_INT4_BLOCK = 5
/** One scale for each 16 of a row. */
export const HELD_INT8_BLOCK16 = 6
/** Of caches: one scale for each key and value of a head. */
export const HELD_INT16 = 7
/** Nibbles of 32 as in Q4_1: a scale and -1/8 of a minimum each; a weight is nibble · scale + minimum. */
export const HELD_INT4_MINIMA = 8

/** What STORE keeps. */
export const KEEP_KEYS = 0
export const KEEP_VALUES = 1

/** What weights experts. */
export const ROUTE_SOFTMAX = 0
export const ROUTE_SOFTMAX_OF_CHOSEN = 1
export const ROUTE_SIGMOID = 2

/** Words of the frame that a pass begins with. */
export const FRAME_ROWS = 0
/** Address of the program that threads are called for, 0 when none will follow. */
export const FRAME_CODE = 1
/** What threads share of a pass, as `kernels/assembly/pieces.ts` says, in a cache line by itself: two words of claimed pieces, the upper one the number of the pass; two of done ones. */
export const FRAME_CLAIMED = 16
export const FRAME_PASS = 17
export const FRAME_DONE = 18
/** Threads that sleep until more pieces are done. */
export const FRAME_SLEEPERS = 20
/** Bytes from the frame's address to its table of rows. */
export const FRAME_ROW_TABLE = 128
/** Bytes of a row of the table: address of its cache, tokens the cache may hold, position. */
export const ROW_BYTES = 16

/** How the elements of a block of quantized activations are ordered. */
export const ORDER_NATURAL = 0
export const ORDER_NIBBLES = 1
/** Quantized activations lie in blocks of so many; behind the blocks of a row, its scale. */
export const BLOCK = 32
/** Bytes of a block: 32 of 16 bits, then four sums; for nibbles where SIMD is relaxed, 32 of 8 bits, and 48 that quantize.ts explains. */
export const BLOCK_BYTES = 80
/** Blocks of woven rows of integers that lie together, at most: a token's activations of them fit into a page of 4 KB. */
export const STRETCH_BLOCKS = 48

/** How rows are stored that `hold` reads. */
export const STORED_F32 = 0
export const STORED_BF16 = 1
/** Bytes that `hold` takes for its sums. */
export const HOLD_SPACE_BYTES = 112
