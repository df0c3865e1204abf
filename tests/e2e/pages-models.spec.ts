/** Models over a played cluster. */
import { expect, test } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'
import { expectSound, onBothScreens, open } from './played-page.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

onBothScreens((shoot) => {
  test('models: what is here and how far, what fits, what is kept', async ({ page }) => {
    await open(page, server, '/models?scenario=models')
    const card = (name: string) => page.getByRole('article', { name, exact: true })
    await expect(card('ember')).toContainText('Ready over 2 devices')
    await expect(card('ember').getByRole('link', { name: 'Ask in chat' })).toHaveAttribute('href', '/?model=ember')
    await expect(card('Qwen3 0.6B')).toContainText('Downloading 25 % over 2 devices')
    await expect(card('Qwen3 0.6B').getByRole('progressbar')).toHaveCount(2)
    await expect(card('SmolLM2 135M Instruct')).toContainText('Stopped at 35 %')
    await expect(card('Fetched')).toContainText('Downloaded over 2 devices, not loaded')
    await expect(card('Llama 3.1 8B Instruct')).toContainText(/Not enough memory\s+meta-llama\S+ is short by 4301 MiB/)
    await expect(card('uploaded')).toContainText('Studio Mac could not load layers 4–7')
    await expect(card('uploaded')).toContainText('no access (403): a token may be needed')
    await expect(card('broken').getByRole('button')).toHaveCount(1)
    await expect(card('broken')).toContainText('Model type mamba9 is not supported; supported are llama')
    await expect(card('Llama 3.2 1B Instruct')).toContainText('1.2 B parameters · about 2.3 GB to read · 128 k tokens of context')
    await expect(page.getByRole('region', { name: 'Uploads' })).toContainText('org/half')
    await expect(page.getByRole('region', { name: 'Kept in this browser' })).toContainText('org/other-model of huggingface.co')
    await expectSound(page)
    await shoot(page, 'models')
  })
})

test('models: the filter narrows by family, words and fit; deleting asks first and takes no for an answer; the keyboard reaches it all', async ({
  page,
}) => {
  await open(page, server, '/models')
  const catalogue = page.getByRole('region', { name: 'Catalogue' })
  await expect(catalogue.getByRole('article')).toHaveCount(6)
  await page.getByLabel('Only what fits here').check()
  await expect(catalogue.getByRole('article')).toHaveCount(3)
  await page.getByLabel('Family').selectOption('Qwen')
  await expect(catalogue.getByRole('article')).toHaveCount(1)
  await page.getByLabel('Family').selectOption('All')
  await page.getByLabel('Find').fill('smol 135')
  await expect(catalogue.getByRole('article', { name: 'SmolLM2 135M Instruct' })).toBeVisible()
  await page.getByLabel('Find').fill('nothing like it')
  await expect(catalogue.getByText('No model matches.')).toBeVisible()
  await page.getByLabel('Held as').selectOption('Smallest')
  await expect(catalogue.getByText('fewest bits')).toBeVisible()

  const uploaded = page.getByRole('article', { name: 'uploaded' })
  await uploaded.getByRole('button', { name: 'Delete uploaded' }).focus()
  await page.keyboard.press('Enter')
  await expect(uploaded.getByRole('alert').filter({ hasText: 'Delete it from every device and from the server?' })).toBeVisible()
  await expect(uploaded.getByRole('button', { name: 'Keep it' })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(uploaded.getByRole('button', { name: 'Delete uploaded' })).toBeFocused()
})

test('models: picked files are checked in the page before anything is sent, and the reason is a sentence', async ({ page }) => {
  await open(page, server, '/models')
  const pick = (files: readonly { name: string; text: string }[]) =>
    page
      .getByLabel('Files of a model')
      .setInputFiles(files.map(({ name, text: content }) => ({ name, mimeType: 'application/json', buffer: Buffer.from(content) })))
  await pick([{ name: 'notes.txt', text: 'hello' }])
  await expect(page.getByRole('alert').filter({ hasText: 'There is no model in the choice' })).toBeVisible()
  await pick([{ name: 'config.json', text: '{"model_type": "mamba9"}' }])
  await expect(
    page
      .getByRole('region', { name: 'Add a model' })
      .getByRole('alert')
      .filter({ hasText: /mamba9 is not supported; supported are llama/ }),
  ).toBeVisible()
})
