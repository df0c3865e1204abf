// One list from those of all parts of the vocabulary, for each row of hidden states. One workgroup a row, a thread a part.
// Parts offer their first entries together, then their second, and so on: where no part has one that is wanted, none has a later one.
//   0  lists   u32 [hidden rows, groups, 2 K + 3]  read    as head-product.wgsl wrote them; at most 256 groups
//   1  output  u32 [hidden rows, 2 K + 3]          write   ids [K], logits as f32 bits [K], largest, sum of exp(logit - largest), broken
// Where there are fewer than K logits, the rest of the ids is 0xffffffff. Groups are as many as the bound range has. Comes behind head-list.wgsl, with ROWS 1.
// Reference: head.ref.ts.  Tolerance: ids and logits exact, log-sum-exp 1e-5.
@group(0) @binding(0) var<storage, read> lists: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) rows: vec3u) {
  let groups = arrayLength(&lists) / rows.x / (2u * K + 3u);
  let list = (group.x * groups + thread) * (2u * K + 3u);
  let is_part = thread < groups;
  clear_lists(thread);
  for (var place = 0u; place < K; place++) {
    if (is_part && lists[list + place] != 0u) { offer(0u, lists[list + place], lists[list + K + place]); }
    if (!take_offers(thread)) { break; }
  }
  var mass = Mass(0.0f, 0.0f, 0u);
  if (is_part) { mass = Mass(bitcast<f32>(lists[list + 2u * K]), bitcast<f32>(lists[list + 2u * K + 1u]), lists[list + 2u * K + 2u]); }
  mass = row_mass(thread, mass);
  let result = group.x * (2u * K + 3u);
  for (var i = thread; i < K; i += THREADS) {
    let is_kept = i < counts[0];
    output[result + i] = select(NO_ID, kept_ids[i], is_kept);
    output[result + K + i] = select(0xff800000u, bits_of(kept_values[i]), is_kept);
  }
  if (thread == 0u) {
    output[result + 2u * K] = bitcast<u32>(mass.largest);
    output[result + 2u * K + 1u] = bitcast<u32>(mass.sum);
    output[result + 2u * K + 2u] = mass.broken;
  }
}
