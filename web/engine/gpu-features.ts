/**
 * ONNX Runtime's prefill attention (32 tokens and more in one run) is silently wrong where a subgroup has fewer than 8 lanes:
 * seen with 1.30.0 on SwiftShader, 4 lanes, all rows from the fifth on. Without the feature it takes another kernel, which is right.
 * Remove when `tests/conformance/browser.spec.ts` says that the wrong answer is gone.
 */
const MIN_SUBGROUP_LANES = 8

/** Optional features to open a device with: what makes ORT's kernels fast and keeps them right. */
export function deviceFeatures(adapter: GPUAdapter): GPUFeatureName[] {
  const { subgroupMinSize } = adapter.info
  const wanted: GPUFeatureName[] = ['shader-f16']
  // Safari leaves the size out; an unknown size is not trusted.
  if (subgroupMinSize !== undefined && subgroupMinSize >= MIN_SUBGROUP_LANES) wanted.push('subgroups')
  return wanted.filter((feature) => adapter.features.has(feature))
}
