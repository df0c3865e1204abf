/** Values pushed by callbacks, taken one by one by an async reader. A failure is delivered after the values before it. */
export type EventQueue<T> = {
  readonly push: (value: T) => void
  /** The first failure counts; later ones are ignored. */
  readonly fail: (error: Error) => void
  readonly next: () => Promise<T>
}

export function eventQueue<T>(): EventQueue<T> {
  const values: T[] = []
  let failure: Error | null = null
  let waiting: { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void } | null = null
  return {
    push: (value) => {
      if (failure) return
      if (!waiting) {
        values.push(value)
        return
      }
      const { resolve } = waiting
      waiting = null
      resolve(value)
    },
    fail: (error) => {
      if (failure) return
      failure = error
      waiting?.reject(error)
      waiting = null
    },
    next: () => {
      const value = values.shift()
      if (value !== undefined) return Promise.resolve(value)
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject }
      })
    },
  }
}
