// Read the prose of the pages for slips of grammar with Harper, a checker that runs here and sends nothing away.
//
//     node scripts/book/grammar.mjs FOLDER [PAGE ...]     FOLDER holds node_modules (make grammar)
//
// Spelling is looked up elsewhere (spelling.py), and matters of taste are left out. A finding around which a line of
// grammar.txt stands is a known false alarm. Exit code 1 if there is another.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const [folder, ...named] = process.argv.slice(2);
const harper = (part) => import(pathToFileURL(path.resolve(folder, 'node_modules/harper.js/dist', part)));

const TASTE = ['Capitalization', 'Enhancement', 'Formatting', 'Readability', 'Regionalism', 'Spelling', 'Style', 'Typo'];
const OFF = ['Memory', 'Time'].map((unit) => `Expand${unit}Shorthands`).concat('MergeWords', 'Overall', 'SpellCheck');
const AROUND = 25;

const lines = (text) => text.split('\n').length - 1;
const blank = (text) => '\n'.repeat(lines(text));

/** What is prose in a page, on the lines where it stood. */
function prose(page) {
  return page
    .replace(/^---\n[\s\S]*?\n---\n/, blank)
    .replace(/^( *)(```|~~~)[\s\S]*?^\1\2 *$/gm, blank)
    .replace(/^(--8<--|::: ).*$/gm, '')
    .replace(/\\\([\s\S]*?\\\)|(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, (code) => '`x`' + blank(code))
    .replace(/^ +/gm, '') // else Harper takes what stands within a list or a note for code
    .replace(/^[?!]{3}\+? \w+ "(.*)"$/gm, '$1');
}

const known = fs.readFileSync(path.join(here, 'grammar.txt'), 'utf8').split('\n').filter(Boolean);
const used = new Set();

function falseAlarm(text, { start, end }) {
  const around = text.slice(Math.max(0, start - AROUND), end + AROUND).replace(/\s+/g, ' ');
  const found = known.find((phrase) => around.includes(phrase));
  used.add(found);
  return found !== undefined;
}

const { LocalLinter, Dialect } = await harper('index.js');
const linter = new LocalLinter({ binary: (await harper('binary.js')).binary, dialect: Dialect.American });
await linter.setup();
await linter.setLintConfig({ ...(await linter.getLintConfig()), ...Object.fromEntries(OFF.map((rule) => [rule, false])) });

const docs = fs.readdirSync('docs', { recursive: true }).map((name) => path.join('docs', name));
const pages = named.length ? named : [...fs.readdirSync('.'), ...docs].filter((name) => name.endsWith('.md')).sort();
let findings = 0;
for (const page of pages) {
  const text = prose(fs.readFileSync(page, 'utf8'));
  for (const lint of await linter.lint(text, { language: 'markdown' })) {
    if (TASTE.includes(lint.lint_kind()) || falseAlarm(text, lint.span())) continue;
    findings += 1;
    console.log(`${page}:${lines(text.slice(0, lint.span().start)) + 1}: ${JSON.stringify(lint.get_problem_text())}: ${lint.message()}`);
  }
}
for (const phrase of named.length ? [] : known.filter((each) => !used.has(each))) {
  findings += 1;
  console.log(`grammar.txt: no page needs this line any more: ${phrase}`);
}
console.log(`${pages.length} pages read, ${findings} findings.`);
process.exit(findings ? 1 : 0);
