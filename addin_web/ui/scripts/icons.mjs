/**
 * The add-in's icons: a speech bubble that holds a video camera, drawn from signed distances.
 *
 * Coordinates run from 0 to 1. Each pixel is the mean of SAMPLES x SAMPLES points, which smooths the edges.
 */

import { encodePng } from "./png.mjs";

export const SIZES = [16, 32, 48, 64, 80, 128];

const SAMPLES = 8;
const BUBBLE = [11, 92, 122];
const CAMERA = [255, 255, 255];

export function drawIcon(size) {
  const rgba = Buffer.alloc(size * size * 4);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) rgba.set(pixel(x, y, size), (y * size + x) * 4);
  }
  return encodePng(size, size, rgba);
}

function pixel(x, y, size) {
  let bubble = 0;
  let camera = 0;
  for (let i = 0; i < SAMPLES * SAMPLES; i += 1) {
    const u = (x + ((i % SAMPLES) + 0.5) / SAMPLES) / size;
    const v = (y + (Math.floor(i / SAMPLES) + 0.5) / SAMPLES) / size;
    if (!inBubble(u, v)) continue;
    bubble += 1;
    if (inCamera(u, v)) camera += 1;
  }
  if (bubble === 0) return [0, 0, 0, 0];
  const share = camera / bubble;
  const colour = BUBBLE.map((value, channel) => Math.round(value + (CAMERA[channel] - value) * share));
  return [...colour, Math.round((255 * bubble) / (SAMPLES * SAMPLES))];
}

function inBubble(u, v) {
  return inRoundedBox(u, v, 0.03, 0.06, 0.97, 0.78, 0.16) || inTriangle(u, v, [0.2, 0.7], [0.5, 0.7], [0.22, 0.97]);
}

function inCamera(u, v) {
  return inRoundedBox(u, v, 0.19, 0.25, 0.6, 0.59, 0.06) || inTriangle(u, v, [0.6, 0.42], [0.82, 0.25], [0.82, 0.59]);
}

function inRoundedBox(u, v, left, top, right, bottom, radius) {
  const dx = Math.max(left + radius - u, u - (right - radius), 0);
  const dy = Math.max(top + radius - v, v - (bottom - radius), 0);
  return Math.hypot(dx, dy) <= radius;
}

function inTriangle(u, v, a, b, c) {
  const side = (p, q) => (q[0] - p[0]) * (v - p[1]) - (q[1] - p[1]) * (u - p[0]);
  const sides = [side(a, b), side(b, c), side(c, a)];
  return sides.every((value) => value >= 0) || sides.every((value) => value <= 0);
}
