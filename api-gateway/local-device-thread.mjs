// Node 20 does not hand `--import tsx` on to worker threads: the thread registers it for itself.
import { register } from 'tsx/esm/api'

register()
await import('./local-device-worker.ts')
