/** Where other devices reach this server, for links and codes. */
import { Router } from 'express'

export type ServerAddresses = {
  /** Origins; none where the server listens on its own machine only. */
  readonly addresses: readonly string[]
  /** Whether browsers give their GPU to pages from there. */
  readonly secure: boolean
  /** A page that shows how to trust this server's certificate; null where there is nothing to trust. */
  readonly trust: string | null
}

export const addressRoutes = (addresses: () => ServerAddresses): Router =>
  Router().get('/v1/cluster/addresses', (_request, response) => void response.json(addresses()))
