/** Between two pieces of work the browser may paint and take input. */
export const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
