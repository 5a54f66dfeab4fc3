// {pair of colours: [contrast, the least that WCAG 2.2 AA wants]} of the design tokens in the theme shown now.
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
      value /= 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const probe = document.body.appendChild(document.createElement("span"));
  const color = (token, hue = "") => {
    probe.className = hue;
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const contrast = (one, other) => {
    const [a, b] = [luminance(one), luminance(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const found = {};
  const texts = [
    ["--ink", "--paper"], ["--ink", "--wash"], ["--soft", "--paper"], ["--soft", "--wash"], ["--soft", "--accent-wash"],
    ["--soft", "--good-wash"], ["--soft", "--warn-wash"], ["--soft", "--bad-wash"], ["--accent", "--paper"], ["--accent", "--wash"],
    ["--accent", "--accent-wash"], ["--on-accent", "--accent"], ["--on-accent", "--accent-strong"],
    ["--good", "--good-wash"], ["--good", "--paper"], ["--warn", "--warn-wash"], ["--bad", "--bad-wash"], ["--bad", "--paper"],
  ];
  for (const [text, ground] of texts) found[`${text} on ${ground}`] = [contrast(color(text), color(ground)), 4.5];
  found["field border"] = [contrast(color("--line-strong"), color("--paper")), 3];
  for (let hue = 0; hue < 24; hue++)
    found[`hue-${hue}`] = [contrast(color("--thread", `hue-${hue}`), color("--paper")), 3];
  return found;
}
