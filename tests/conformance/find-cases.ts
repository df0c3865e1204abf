/** The checkpoints among the cases of a folder with the layout of the golden data. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const GGUF = 'model.gguf'
const SECTIONS = ['arch', 'gguf']

/** The GGUF file of a case, or null for one of config.json and safetensors. */
export const ggufIn = (folder: string): string | null => (existsSync(join(folder, GGUF)) && !existsSync(join(folder, 'config.json')) ? GGUF : null)

const isCase = (folder: string): boolean =>
  existsSync(join(folder, 'golden.json')) && (existsSync(join(folder, 'config.json')) || existsSync(join(folder, GGUF)))
const casesIn = (root: string, section: string): string[] =>
  existsSync(join(root, section))
    ? readdirSync(join(root, section))
        .filter((name) => isCase(join(root, section, name)))
        .map((name) => join(section, name))
    : []

/** Folders that hold a checkpoint, by their path below `root`: in its sections, or in itself where it has none. */
export function checkpointCases(root: string): string[] {
  const inSections = SECTIONS.flatMap((section) => casesIn(root, section))
  return (inSections.length > 0 ? inSections : casesIn(root, '.')).sort()
}

/** Whether a name that a person gave means a case: its whole id, the beginning of it, or one part of it. */
const means = (name: string, id: string): boolean => id === name || id.startsWith(`${name}/`) || id.split('/').includes(name)

/** The cases that the names mean; all without names. */
export function choose<Case>(cases: readonly Case[], idOf: (one: Case) => string, only: readonly string[] | undefined): Case[] {
  return cases.filter((one) => !only || only.some((name) => means(name, idOf(one))))
}

/** Names that mean none of the ids. */
export const meaningless = (ids: readonly string[], only: readonly string[] | undefined): string[] =>
  only?.filter((name) => !ids.some((id) => means(name, id))) ?? []
