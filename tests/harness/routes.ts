import type { Router } from 'express'

type Route = { readonly method: string; readonly path: string }
type Stack = Router['stack']

/** Every route that a gateway has, read off its router: one that is added is here by itself. */
export function routesOf(stack: Stack): readonly Route[] {
  return stack.flatMap(({ route, handle }) => {
    if (route) {
      const methods = [...new Set(route.stack.map(({ method }) => method.toUpperCase()))]
      return [route.path].flat().flatMap((path) => methods.map((method) => ({ method, path })))
    }
    return 'stack' in handle ? routesOf(handle.stack as Stack) : []
  })
}
