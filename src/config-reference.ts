// The reference of the configuration, made from its one table: docs/reference/configuration.md, .env.example, and
// the configuration in force as `embedq config` prints it.
import { type Config, SETTINGS } from './config.js';

const ENTRIES = Object.entries(SETTINGS) as [keyof typeof SETTINGS, (typeof SETTINGS)[keyof typeof SETTINGS]][];

function byGroup(): Map<string, typeof ENTRIES> {
  const groups = new Map<string, typeof ENTRIES>();
  for (const entry of ENTRIES) groups.set(entry[1].group, [...(groups.get(entry[1].group) ?? []), entry]);
  return groups;
}

/** docs/reference/configuration.md */
export function configurationMarkdown(): string {
  const sections = [...byGroup()].map(([group, entries]) => {
    const rows = entries.map(([, setting]) => {
      const preset = setting.defaultText ? `\`${setting.defaultText}\`` : 'unset';
      return `| \`${setting.name}\` | ${preset} | ${tableCell(setting.description)}${isSecret(setting) ? ' Secret.' : ''} |`;
    });
    return `## ${group}\n\n| variable | default | what it does |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Configuration

<!-- Generated from src/config.ts by npm run docs. -->

embedq is configured by environment variables alone. A variable that is set to an empty text counts as unset. All
faults are reported at once, with \`E_CONFIG_INVALID\`; nothing wrong is replaced by a default in silence. An \`EMB_…\`
or \`BATCH_…\` variable that embedq does not know is warned of, not refused: one environment file may serve several
programs. \`embedq config\` prints what is in force.

${sections.join('\n')}`;
}

/** .env.example: every variable, commented out, with its default. */
export function envExample(): string {
  const sections = [...byGroup()].map(([group, entries]) => {
    const settings = entries.map(([, { name, description, defaultText }]) => {
      const words = wrapComment(description.replaceAll('`', ''));
      return `${words}\n#${name}=${defaultText ?? ''}\n`;
    });
    return `# ---- ${group}\n\n${settings.join('\n')}`;
  });
  return `# Every variable of embedq with its default. Generated from src/config.ts by npm run docs.\n\n${sections.join('\n')}`;
}

export interface SettingInForce {
  readonly name: string;
  readonly group: string;
  /** As one would write it; a secret is masked, and null is unset. */
  readonly value: string | null;
  readonly isDefault: boolean;
}

/** What is in force, beside the defaults. */
export function settingsInForce(config: Config, defaults: Config): SettingInForce[] {
  return ENTRIES.map(([key, setting]) => {
    const value = valueText(config[key]);
    return {
      name: setting.name,
      group: setting.group,
      value: isSecret(setting) && value !== null ? '********' : value,
      isDefault: value === valueText(defaults[key]),
    };
  });
}

/** The text that a value was read from, or one that reads the same. */
function valueText(value: Config[keyof Config]): string | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value !== 'object') return String(value);
  if (!Array.isArray(value))
    return Object.entries(value)
      .map(([alias, variant]) => `${alias}=${variant}`)
      .join(',');
  return value
    .map((item) =>
      typeof item === 'string' ? item : `${item.alias}:${item.modelId}:${item.revision}:${item.dim}:${item.maxSeq}`,
    )
    .join(',');
}

function isSecret(setting: object): boolean {
  return 'secret' in setting && setting.secret === true;
}

function tableCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function wrapComment(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + 1 + word.length > 110) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`).join('\n');
}
