// What the kernels are measured against in the same run: a plain pass over memory, and plain loops of products from the cache.

// Sum of `bytes` bytes as integers, a multiple of 64.
export function readAll(at: usize, bytes: usize): i32 {
  let a = i32x4.splat(0)
  let b = i32x4.splat(0)
  let c = i32x4.splat(0)
  let d = i32x4.splat(0)
  for (const end = at + bytes; at < end; at += 64) {
    a = i32x4.add(a, v128.load(at))
    b = i32x4.add(b, v128.load(at, 16))
    c = i32x4.add(c, v128.load(at, 32))
    d = i32x4.add(d, v128.load(at, 48))
  }
  const all = i32x4.add(i32x4.add(a, b), i32x4.add(c, d))
  return i32x4.extract_lane(all, 0) + i32x4.extract_lane(all, 1) + i32x4.extract_lane(all, 2) + i32x4.extract_lane(all, 3)
}

export function copyAll(to: usize, from: usize, bytes: usize): void {
  memory.copy(to, from, bytes)
}

// Σ a · b over 16-bit integers, `rounds` times over 2 · `bytes`, a multiple of 64.
export function dotIntegers(a: usize, b: usize, bytes: usize, rounds: u32): i32 {
  let s = i32x4.splat(0)
  let t = i32x4.splat(0)
  let u = i32x4.splat(0)
  let v = i32x4.splat(0)
  for (let round: u32 = 0; round < rounds; round++) {
    for (let i: usize = 0; i < bytes; i += 64) {
      s = i32x4.add(s, i32x4.dot_i16x8_s(v128.load(a + i), v128.load(b + i)))
      t = i32x4.add(t, i32x4.dot_i16x8_s(v128.load(a + i, 16), v128.load(b + i, 16)))
      u = i32x4.add(u, i32x4.dot_i16x8_s(v128.load(a + i, 32), v128.load(b + i, 32)))
      v = i32x4.add(v, i32x4.dot_i16x8_s(v128.load(a + i, 48), v128.load(b + i, 48)))
    }
  }
  const all = i32x4.add(i32x4.add(s, t), i32x4.add(u, v))
  return i32x4.extract_lane(all, 0) + i32x4.extract_lane(all, 1) + i32x4.extract_lane(all, 2) + i32x4.extract_lane(all, 3)
}

// The same over floats.
export function dotFloats(a: usize, b: usize, bytes: usize, rounds: u32): f32 {
  let s = f32x4.splat(0)
  let t = f32x4.splat(0)
  let u = f32x4.splat(0)
  let v = f32x4.splat(0)
  for (let round: u32 = 0; round < rounds; round++) {
    for (let i: usize = 0; i < bytes; i += 64) {
      s = f32x4.add(s, f32x4.mul(v128.load(a + i), v128.load(b + i)))
      t = f32x4.add(t, f32x4.mul(v128.load(a + i, 16), v128.load(b + i, 16)))
      u = f32x4.add(u, f32x4.mul(v128.load(a + i, 32), v128.load(b + i, 32)))
      v = f32x4.add(v, f32x4.mul(v128.load(a + i, 48), v128.load(b + i, 48)))
    }
  }
  const all = f32x4.add(f32x4.add(s, t), f32x4.add(u, v))
  return f32x4.extract_lane(all, 0) + f32x4.extract_lane(all, 1) + f32x4.extract_lane(all, 2) + f32x4.extract_lane(all, 3)
}
