#!/usr/bin/env python3
"""Draws what bench_sweep prints as an SVG: time a query over items and over dimensions, with the limits measured in the same run. Needs the
standard library alone. Usage: plot_sweep.py OUTPUT-OF-BENCH_SWEEP SVG"""
import math
import re
import sys

WIDTH, HEIGHT, LEFT, TOP, PANEL, DEEP, GAP = 960, 440, 64, 72, 390, 300, 84
SERIES = (("one query", "#1f5fae", False), ("reading the codes once", "#1f5fae", True),
          ("256 queries, each", "#c2571a", False), ("multiplying the codes alone", "#c2571a", True))


def read(path):
    """The program's first line and [items, floats, then the four times in ms]."""
    lines = open(path, encoding="utf-8").read().splitlines()
    rows = []
    for line in lines[2:]:
        numbers = [float(n) for n in re.findall(r"[\d.]+", line)]
        rows.append(numbers[:4] + numbers[5:7])
    return lines[0], rows


def scale(values):
    """Whole powers of ten around the values."""
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def short(value):
    return f"{value:g}" if value < 10000 else f"{value / 1000:g}k" if value < 1e6 else f"{value / 1e6:g}M"


def panel(left, title, label, xs, columns, ticks, low, high):
    """Lines of SVG for one panel: xs and columns on logarithmic scales."""
    first, last = math.log10(xs[0]), math.log10(xs[-1])

    def at(x, y):
        return (left + (math.log10(x) - first) / (last - first) * PANEL, TOP + (high - math.log10(y)) / (high - low) * DEEP)

    out = [f'<text x="{left}" y="{TOP - 12}" class="title">{title}</text>']
    for power in range(low, high + 1):
        y = at(xs[0], 10 ** power)[1]
        out.append(f'<path d="M{left} {y:.1f}h{PANEL}" class="grid"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10 ** power:g}</text>')
    for tick in ticks:
        x = at(tick, 1)[0]
        out.append(f'<path d="M{x:.1f} {TOP}v{DEEP}" class="grid"/>')
        out.append(f'<text x="{x:.1f}" y="{TOP + DEEP + 18}" text-anchor="middle">{short(tick)}</text>')
    out.append(f'<text x="{left + PANEL / 2}" y="{TOP + DEEP + 40}" text-anchor="middle">{label}</text>')
    for column, (_, colour, is_limit) in zip(columns, SERIES):
        points = [at(x, y) for x, y in zip(xs, column)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes(is_limit)}/>')
        if not is_limit:
            out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return out


def dashes(is_limit):
    return ' stroke-dasharray="5 4" stroke-opacity="0.75"' if is_limit else ""


def legend():
    out, x = [], LEFT
    for name, colour, is_limit in SERIES:
        out.append(f'<path d="M{x} 30h28" stroke="{colour}" stroke-width="2"{dashes(is_limit)}/>')
        out.append(f'<text x="{x + 34}" y="34">{name}</text>')
        x += 62 + 7 * len(name)
    return out


def main():
    title, rows = read(sys.argv[1])
    by_items = [row for row in rows if row[1] == 1536 and row[0] != 60000]
    by_floats = [row for row in rows if row[0] == 60000]
    low, high = scale([time for row in rows for time in row[2:]])
    columns = lambda some: [[row[i] for row in some] for i in (2, 3, 4, 5)]
    items, floats = [row[0] for row in by_items], [row[1] for row in by_floats]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12" fill="#333">',
           "<style>.grid{stroke:#ddd;fill:none}.title{font-size:14px;font-weight:bold}</style>",
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>', *legend(),
           *panel(LEFT, "1536 floats: milliseconds a query", "items", items, columns(by_items), items[::2], low, high),
           *panel(LEFT + PANEL + GAP, "60,000 items: milliseconds a query", "floats", floats, columns(by_floats), floats, low, high),
           f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#777">{title}</text>', "</svg>"]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
