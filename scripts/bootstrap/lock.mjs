/** One bootstrap at a time in one checkout: two starts at once would install into the same folder. */
import { closeSync, mkdirSync, openSync, rmSync, statSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { say } from './report.mjs'

/** The holder touches its lock this often, in milliseconds. */
const BEAT_MS = 1_000
/** A lock untouched for this long belongs to a process that died; a process id would be wrong across containers. */
const STALE_MS = 15_000

function tryTake(file) {
  try {
    closeSync(openSync(file, 'wx'))
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  if (age <= STALE_MS) return false
  rmSync(file, { force: true })
  return tryTake(file)
}

/**
 * Runs `work` while holding `file`, waiting for another holder to finish first.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  mkdirSync(path.dirname(file), { recursive: true })
  let told = false
  while (!tryTake(file)) {
    if (!told) say('Another start is preparing this folder; waiting for it …')
    told = true
    await wait(250)
  }
  const beat = setInterval(() => {
    const now = new Date()
    try {
      utimesSync(file, now, now)
    } catch {
      // Somebody removed the lock by hand: there is nothing left to keep alive.
    }
  }, BEAT_MS)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    rmSync(file, { force: true })
  }
}
