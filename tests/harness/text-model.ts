import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { MODELS } from './gateway.ts'

/** The embedded model's text files with a template of its own; without weights, which a scripted ring does not read. */
export function writeTextModel(folder: string, template: string): void {
  mkdirSync(folder, { recursive: true })
  for (const file of ['config.json', 'generation_config.json', 'tokenizer.json'])
    writeFileSync(path.join(folder, file), readFileSync(path.join(MODELS, 'ember', file)))
  const config = JSON.parse(readFileSync(path.join(MODELS, 'ember/tokenizer_config.json'), 'utf8')) as object
  writeFileSync(path.join(folder, 'tokenizer_config.json'), JSON.stringify({ ...config, chat_template: template }))
}
