/** `npm start`, once dependencies and pages are there: starts everything and says where. */
import { renderUnicodeCompact } from 'uqr'
import { ClusterError } from '../protocol/errors.ts'
import { launchDevices, type HeadlessDevices } from '../scripts/headless-devices.ts'
import { hasScreen, openFirstPage } from './first-page.ts'
import { createLogs } from './log.ts'
import { parseOptions, type Options } from './options.ts'
import { startServer, type RunningServer } from './serve.ts'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What people open on other devices: a link with the join token, by way of the page that explains the certificate where there is one. */
function joinLink({ url, addresses, joinToken }: RunningServer): string {
  const { addresses: reachable, trust } = addresses()
  const link = new URL('/contribute', reachable[0] ?? url)
  const token = joinToken()
  if (token !== null) link.searchParams.set('token', token)
  return trust === null ? link.href : `${trust}#${link.href}`
}

function invite(server: RunningServer): void {
  const { url } = server
  const { addresses, secure } = server.addresses()
  const link = joinLink(server)
  say(`\nStart here  ${url}/start\nChat        ${url}/\nLend        ${link}\nAPI         ${url}/v1`)
  if (addresses.length > 0 && !secure) {
    say('Other machines can chat, but browsers give WebGPU and threads to secure pages only: start with --https for them to lend.')
  }
  say(renderUnicodeCompact(link))
}

async function openDevices(options: Options, { url, joinToken }: RunningServer): Promise<HeadlessDevices | null> {
  if (options.devices === 0) return null
  say(`Opening ${options.devices} headless browser ${options.devices === 1 ? 'device' : 'devices'} …`)
  const { devices: count, backend, chromiumPath: executablePath } = options
  return launchDevices({ count, url, backend, executablePath, joinToken: joinToken(), threads: 1, say })
}

/** Answers first, then devices and sockets. */
function stopOnSignal(server: RunningServer, devices: HeadlessDevices | null, graceSeconds: number): void {
  let isStopping = false
  const close = async (): Promise<void> => {
    await Promise.allSettled([devices?.close(), server.close()])
    process.exit(0)
  }
  const stop = async (): Promise<void> => {
    // Whoever asks twice does not want to wait.
    if (isStopping) return close()
    isStopping = true
    if (server.answering() > 0) say(`Finishing ${server.answering()} running; once more to stop at once`)
    await server.drain(graceSeconds * 1000)
    await close()
  }
  process.on('SIGINT', () => void stop())
  process.on('SIGTERM', () => void stop())
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), process.env)
  const logOf = createLogs(options.debug)
  const server = await startServer(options, { log: logOf('gateway'), logOf })
  const devices = await openDevices(options, server)
  stopOnSignal(server, devices, options.graceSeconds)
  invite(server)
  if (options.devices === 0 && options.localDevice === 'off') say('No device yet: open the link above on one.')
  else {
    const problem = await server.serving(options.devices)
    if (problem !== null) say(`Not serving yet: ${problem}`)
  }
  say(`ready ${server.url}`)
  const { env, platform, stdout } = process
  if (options.opens && hasScreen({ env, platform, isTerminal: stdout.isTTY })) await openFirstPage(`${server.url}/start`)
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ClusterError ? error.message : String(error instanceof Error ? error.stack : error)}\n`)
  process.exit(1)
})
