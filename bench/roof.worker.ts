/** One thread of a page that runs the plain loops. */
import { roofOf, type Roof } from './roof.ts'

export type RoofTask = { readonly module: Uint8Array<ArrayBuffer>; readonly bytes: number }
export type RoofReply = { readonly roof: Roof } | { readonly error: string }

const reply = (message: RoofReply): void => self.postMessage(message)

self.addEventListener('message', ({ data: { module, bytes } }: MessageEvent<RoofTask>) => {
  WebAssembly.compile(module)
    .then((compiled) => roofOf(compiled, bytes))
    .then(
      (roof) => reply({ roof }),
      (error: unknown) => reply({ error: String(error) }),
    )
})
