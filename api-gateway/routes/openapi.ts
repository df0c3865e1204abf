/** The OpenAPI document, and a page of it. Both are public, as the pages are. */
import { Router } from 'express'
import path from 'node:path'
import { openApiDocument } from '../openapi/document.ts'
import { openApiPage } from '../openapi/page.ts'

const OPENAPI_DIR = path.join(import.meta.dirname, '../openapi')
const POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function openApiRoutes(): Router {
  const [document, page] = [openApiDocument(), openApiPage()]
  const router = Router()
  router.get('/openapi.json', (_request, response) => void response.json(document))
  router.get('/docs', (_request, response) => {
    response.setHeader('content-security-policy', POLICY)
    response.type('html').send(page)
  })
  router.get('/docs.css', (_request, response) => response.sendFile('docs.css', { root: OPENAPI_DIR }))
  return router
}
