/** What is being asked now, as llama.cpp's server and vLLM tell it. */
import { Router } from 'express'
import type { Admission } from '../jobs/admission.ts'
import type { Traces } from '../traces.ts'

export function loadRoutes(admission: Admission, traces: Traces): Router {
  const router = Router()
  // Without ids: whoever knows one can cancel its answer, and other keys may have asked.
  router.get('/slots', (_request, response) => {
    const running = traces.list().filter(({ state }) => state === 'running')
    response.json(
      running.toReversed().map(({ model, promptTokens, tokens, totalMs }, id) => ({
        id,
        model,
        is_processing: true,
        n_prompt_tokens: promptTokens,
        n_decoded: tokens,
        time_ms: totalMs,
      })),
    )
  })
  router.get('/load', (_request, response) => {
    const { running, waiting } = admission.state()
    response.json({ server_load: running + waiting, running, waiting })
  })
  return router
}
