/** The engines that `single` compares with. Half a gigabyte that nothing else needs: installed on demand, in a folder of their own, never as dependencies. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { lastLines, runCommand } from '../../scripts/bootstrap/child.mjs'

const ENGINES = { '@wllama/wllama': '3.13.0', '@huggingface/transformers': '4.3.1' } as const
const FOLDER = path.join(tmpdir(), 'ringlet-bench-engines')

async function installedVersion(name: string): Promise<string | null> {
  const text = await readFile(path.join(FOLDER, 'node_modules', name, 'package.json'), 'utf8').catch(() => null)
  const described: unknown = text === null ? null : JSON.parse(text)
  return typeof described === 'object' && described !== null && 'version' in described ? String(described.version) : null
}

/** @returns the folder that packages lie in @throws {Error} when npm cannot install them */
export async function installEngines(say: (line: string) => void): Promise<string> {
  const versions = await Promise.all(Object.keys(ENGINES).map(installedVersion))
  if (Object.values(ENGINES).some((version, i) => version !== versions[i])) {
    say(`installing ${Object.entries(ENGINES).map((pair) => pair.join('@')).join(' and ')} into ${FOLDER}`) // prettier-ignore
    await mkdir(FOLDER, { recursive: true })
    await writeFile(path.join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: ENGINES }))
    // Scripts would fetch runtimes for Node, which a page has no use for.
    const { code, output } = await runCommand('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: FOLDER,
      shell: process.platform === 'win32',
    })
    if (code !== 0) throw new Error(`the engines to compare with could not be installed. npm said:\n${lastLines(output)}`)
  }
  return path.join(FOLDER, 'node_modules')
}

export const ENGINE_VERSIONS = Object.entries(ENGINES).map(([name, version]) => `${name} ${version}`).join(', ') // prettier-ignore
