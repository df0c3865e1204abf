/** Lets the thread handle the events that wait: messages, timers. A timer of 0 ms would do, but pages make nested ones wait 4 ms. */
export const eventTurn = (): Promise<void> =>
  new Promise((resolve) => {
    // A channel for each turn: one that is kept open would keep Node's event loop alive.
    const { port1, port2 } = new MessageChannel()
    port1.addEventListener('message', () => {
      port1.close()
      resolve()
    })
    port1.start()
    port2.postMessage(null)
  })
