// Runs a worker's TypeScript: process.argv[2] is its URL. On Node 20 `--import tsx` gives the loader to the main thread only
// (https://github.com/privatenumber/tsx/issues/354). Not needed once the oldest supported Node strips types by itself.
import process from 'node:process'
import { register } from 'tsx/esm/api'

register()
await import(process.argv[2])
