/** The page that `npm start` opens in this machine's browser, where somebody sits before it. */
import open from 'open'

type Surroundings = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  /** Whether somebody reads what is printed. */
  readonly isTerminal: boolean
}

/** No window appears where there is no screen: in CI, over SSH, in a container, from a script. */
export function hasScreen({ env, platform, isTerminal }: Surroundings): boolean {
  if (!isTerminal || env['CI'] || env['SSH_CONNECTION'] || env['SSH_TTY']) return false
  if (platform === 'darwin' || platform === 'win32') return true
  return Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY'])
}

/** Does nothing where no browser can be opened: the address was printed. */
export async function openFirstPage(url: string): Promise<void> {
  await open(url).catch(() => undefined)
}
