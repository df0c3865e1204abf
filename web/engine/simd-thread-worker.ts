/** A thread of the kernels: runs its part of the programs of one shard until that is given up, then ends. */
import { serveParts, type ThreadJob } from '../../runtime/simd/thread-loop.ts'

self.addEventListener('message', ({ data }: MessageEvent<ThreadJob>) => {
  serveParts(data, () => self.postMessage('ready'))
  self.close()
})
