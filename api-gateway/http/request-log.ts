import type { RequestHandler, Response } from 'express'
import { randomUUID } from 'node:crypto'
import type { Log } from '../log.ts'

/** The id that `identifyAndLog` gave the answer. */
export const requestIdOf = (response: Response): string => String(response.getHeader('x-request-id'))

/** Gives every answer an id and logs one line when it is over. */
export function identifyAndLog(log: Log): RequestHandler {
  return (request, response, next) => {
    const id = `req_${randomUUID().replaceAll('-', '')}`
    response.setHeader('x-request-id', id)
    const start = performance.now()
    response.once('close', () => {
      const milliseconds = Math.round(performance.now() - start)
      log.debug(
        {
          request: id,
          method: request.method,
          path: request.path.slice(0, 200),
          status: response.statusCode,
          complete: response.writableFinished,
          milliseconds,
        },
        'request',
      )
    })
    next()
  }
}
