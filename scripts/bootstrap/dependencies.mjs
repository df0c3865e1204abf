/** Node's version and `npm ci`. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { lastLines, runCommand } from './child.mjs'
import { StepFailed, step } from './report.mjs'

const MINIMUM_NODE = [20, 19]

/** @throws {StepFailed} when Node is too old. */
export function requireNode(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [wantedMajor = 0, wantedMinor = 0] = MINIMUM_NODE
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  throw new StepFailed(
    `Ringlet needs Node ${MINIMUM_NODE.join('.')} or newer; this is Node ${version}. Get a newer one at https://nodejs.org and run the command again.`,
  )
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}

/**
 * Whether what npm recorded in node_modules is what the lock file asks for. npm writes its record last, so a killed
 * install has none. Optional packages may be absent (they are for other platforms) but not of another version.
 */
export function isInstalled(root) {
  const wanted = readJson(path.join(root, 'package-lock.json'))?.packages
  const found = readJson(path.join(root, 'node_modules/.package-lock.json'))?.packages
  if (!wanted || !found) return false
  return Object.entries(wanted).every(([place, { version, integrity, optional, devOptional }]) => {
    if (place === '') return true
    const there = found[place]
    if (there === undefined) return optional === true || devOptional === true
    return there.version === version && there.integrity === integrity
  })
}

/** npm as it was started with, else the one on PATH. */
function npmCommand(env) {
  if (env.npm_execpath?.endsWith('.js')) return { command: process.execPath, args: [env.npm_execpath], shell: false }
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}

/** @throws {StepFailed} when npm cannot install. */
export async function installDependencies(root, env = process.env) {
  const npm = npmCommand(env)
  const offline = env.RINGLET_OFFLINE === '1'
  // No package needs its install script: native parts come as optional packages.
  const args = [...npm.args, 'ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...(offline ? ['--offline'] : [])]
  await step(`Installing dependencies with npm${offline ? ' from its cache (RINGLET_OFFLINE=1)' : ''}`, async () => {
    const { code, output } = await runCommand(npm.command, args, { cwd: root, env: { ...env, NODE_ENV: 'development' }, shell: npm.shell })
    if (code === 0) return
    const advice = offline
      ? 'Unset RINGLET_OFFLINE once, so that npm may download them.'
      : 'Check the network (and proxy settings of npm), then run the command again.'
    throw new StepFailed(`npm could not install the dependencies. ${advice} It said:\n${lastLines(output)}`)
  })
}
