/** Child processes whose output is kept, and shown only when it explains a failure. */
import { spawn } from 'node:child_process'

const KEPT_BYTES = 64 * 1024

/**
 * Runs a command to its end. Never throws: a command that is missing has code null.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, shell?: boolean}} [options]
 * @returns {Promise<{code: number | null, output: string}>} exit code and the last 64 KiB of both streams
 */
export function runCommand(command, args, { cwd, env = process.env, timeoutMs, shell = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      shell,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      ...(timeoutMs ? { timeout: timeoutMs, killSignal: 'SIGKILL' } : {}),
    })
    let output = ''
    const keep = (chunk) => (output = (output + chunk.toString('utf8')).slice(-KEPT_BYTES))
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => resolve({ code: null, output: error.message }))
    child.on('close', (code) => resolve({ code, output }))
  })
}

/** The last lines of a command's output, indented, for a message about its failure. */
export function lastLines(output, count = 12) {
  const lines = output.trim().split(/\r?\n/)
  return lines
    .slice(-count)
    .map((line) => `    ${line}`)
    .join('\n')
}

/** Replaces this process's work by a child's: output and signals pass through, and its exit code becomes ours. */
export function become(command, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env })
    // Ctrl-C in a terminal reaches the whole group: passed on, it would come twice, and twice means at once.
    const pass = (signal) => void (signal === 'SIGINT' && process.stdin.isTTY ? null : child.kill(signal))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      process.exitCode = code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1)
      resolve()
    })
  })
}
