/** Before any test: kernels that fit their source, whoever starts vitest. */
import { ensureKernels } from '../bootstrap.mjs'

export const setup = ensureKernels
