// BLAKE2b (RFC 7693) of at most a few kilobytes, with a digest of 8 bytes and a salt of 16.

const IV = [
  0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
const SIGMA = [
  "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8",
  "905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a",
  "6fe9b308c2d714a5", "a2847615fb9e3cd0"
].map((row) => [...row].map((digit) => parseInt(digit, 16)));
const DIGEST = 8, BLOCK = 128;

// 64-bit words are pairs of 32-bit ones, the lower first.
const v = new Uint32Array(32), m = new Uint32Array(32);
const IV32 = new Uint32Array(IV.flatMap((word) => [Number(word & 0xffffffffn), Number(word >> 32n)]));

// v[a] += v[b] + (x0, x1)
function add(a, b, x0, x1) {
  const low = v[a] + v[b] + x0;
  v[a + 1] = v[a + 1] + v[b + 1] + x1 + Math.floor(low / 0x100000000);
  v[a] = low;
}

// v[a] = (v[a] ^ v[b]) >>> bits
function turn(a, b, bits) {
  const low = v[a] ^ v[b], high = v[a + 1] ^ v[b + 1];
  if (bits === 32) {
    v[a] = high;
    v[a + 1] = low;
  } else if (bits === 63) {
    v[a] = (low << 1) | (high >>> 31);
    v[a + 1] = (high << 1) | (low >>> 31);
  } else {
    v[a] = (low >>> bits) | (high << (32 - bits));
    v[a + 1] = (high >>> bits) | (low << (32 - bits));
  }
}

function mix(a, b, c, d, x, y) {
  add(a, b, m[x], m[x + 1]);
  turn(d, a, 32);
  add(c, d, 0, 0);
  turn(b, c, 24);
  add(a, b, m[y], m[y + 1]);
  turn(d, a, 16);
  add(c, d, 0, 0);
  turn(b, c, 63);
}

function compress(h, count, isLast) {
  v.set(h);
  v.set(IV32, 16);
  v[24] ^= count;
  if (isLast) {
    v[28] = ~v[28];
    v[29] = ~v[29];
  }
  for (let round = 0; round < 12; round++) {
    const s = SIGMA[round % 10].map((index) => 2 * index);
    mix(0, 8, 16, 24, s[0], s[1]);
    mix(2, 10, 18, 26, s[2], s[3]);
    mix(4, 12, 20, 28, s[4], s[5]);
    mix(6, 14, 22, 30, s[6], s[7]);
    mix(0, 10, 20, 30, s[8], s[9]);
    mix(2, 12, 22, 24, s[10], s[11]);
    mix(4, 14, 16, 26, s[12], s[13]);
    mix(6, 8, 18, 28, s[14], s[15]);
  }
  for (let index = 0; index < 16; index++) h[index] ^= v[index] ^ v[index + 16];
}

// Return the digest as a signed integer, its first byte the lowest.
export function blake2b(bytes, salt) {
  const h = IV32.slice();
  h[0] ^= 0x01010000 ^ DIGEST;
  new Uint32Array(salt.slice().buffer).forEach((word, index) => { h[8 + index] ^= word; });
  const block = new Uint8Array(m.buffer);
  let place = 0;
  do {
    const piece = bytes.subarray(place, place + BLOCK);
    block.fill(0);
    block.set(piece);
    place += piece.length;
    compress(h, place, place >= bytes.length);
  } while (place < bytes.length);
  return BigInt.asIntN(64, (BigInt(h[1]) << 32n) | BigInt(h[0]));
}
