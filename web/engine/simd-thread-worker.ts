/** A thread of the kernels: takes pieces of the passes of one shard until that is given up, then ends. */
import { servePasses, type ThreadJob } from '../../runtime/simd/thread-loop.ts'

self.addEventListener('message', ({ data }: MessageEvent<ThreadJob>) => {
  servePasses(data, () => self.postMessage('ready'))
  self.close()
})
