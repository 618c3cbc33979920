'use strict';
// Reads openapi.json of this listener and writes it as a page. All text goes in as text, never as markup.

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
// Schemas that nest deeper are cut: nobody reads on, and one may refer to itself.
const DEPTH_MAX = 6;
// Who may call: the words of `x-tollgate-role`, for people.
const ROLES = { public: 'no key', key: 'any key', management: 'management key', admin: 'admin key' };
const KEYS = { key: 'TOLLGATE_KEY', management: 'TOLLGATE_MANAGEMENT_KEY', admin: 'TOLLGATE_ADMIN_KEY' };

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Text whose `code` is set as code. */
function prose(tag, className, text) {
  const parts = (text || '').split('`');
  return make(tag, className, ...parts.map((part, at) => (at % 2 ? make('code', '', part) : part)));
}

/** A path, which may break before its slashes. */
function pathOf(path) {
  const parts = path.split('/').slice(1);
  return make('span', 'path', ...parts.flatMap((part, at) => [at ? make('wbr') : null, `/${part}`]));
}

class Reader {
  constructor(description) {
    this.description = description;
  }

  resolve(schema) {
    let seen = 0;
    while (schema && schema.$ref && seen++ < DEPTH_MAX) {
      const path = schema.$ref.replace('#/', '').split('/');
      schema = path.reduce((place, name) => (place || {})[name], this.description);
    }
    return schema || {};
  }

  /** The schema that is meant where null is allowed beside it. */
  meant(schema) {
    schema = this.resolve(schema);
    const choices = (schema.oneOf || schema.anyOf || []).filter((choice) => choice.type !== 'null');
    return choices.length === 1 ? { ...this.resolve(choices[0]), nullable: true } : schema;
  }

  typeOf(schema) {
    const meant = this.meant(schema);
    const types = [].concat(meant.type || (meant.properties ? 'object' : 'any'));
    const named = types.filter((type) => type !== 'null').map((type) =>
      type === 'array' ? `list of ${this.typeOf(meant.items || {})}` : type);
    const nullable = meant.nullable || types.includes('null');
    return named.join(' or ') + (nullable ? ' or null' : '') + this.bounds(meant);
  }

  bounds(schema) {
    const said = [];
    if (schema.enum) said.push(schema.enum.map((word) => JSON.stringify(word)).join(' | '));
    if (schema.minimum !== undefined || schema.maximum !== undefined)
      said.push(`${schema.minimum ?? ''} … ${schema.maximum ?? ''}`);
    if (schema.maxLength !== undefined) said.push(`${schema.minLength ?? 0} … ${schema.maxLength} characters`);
    if (schema.pattern) said.push(schema.pattern);
    return said.length ? `: ${said.join(', ')}` : '';
  }

  /** What is inside of a schema: the fields of an object, or of a list's items. */
  fields(schema, depth = 0) {
    const meant = this.meant(schema);
    if (meant.items) return this.fields(meant.items, depth);
    const parts = [meant, ...(meant.allOf || []).map((part) => this.meant(part))];
    const properties = Object.assign({}, ...parts.map((part) => part.properties || {}));
    const required = parts.flatMap((part) => part.required || []);
    const names = Object.keys(properties).sort((one, other) => required.includes(other) - required.includes(one));
    if (!names.length || depth >= DEPTH_MAX) return null;
    return make('ul', 'fields', ...names.map((name) => {
      const field = properties[name];
      const must = required.includes(name) ? make('span', 'required', ' required') : null;
      const about = field.description || this.resolve(field).description;
      return make('li', '',
        make('code', '', name), ' ', make('span', 'type', this.typeOf(field)), must,
        about ? prose('div', 'about', about) : null, this.fields(field, depth + 1));
    }));
  }

  example(schema, depth = 0) {
    const meant = this.meant(schema);
    if (meant.example !== undefined) return meant.example;
    if (meant.examples && meant.examples.length) return meant.examples[0];
    if (meant.enum) return meant.enum[0];
    const type = [].concat(meant.type || 'object')[0];
    if (type === 'array') return depth < DEPTH_MAX ? [this.example(meant.items || {}, depth + 1)] : [];
    if (type === 'string') return '…';
    if (type === 'integer' || type === 'number') return meant.minimum ?? 1;
    if (type === 'boolean') return true;
    const required = depth < DEPTH_MAX ? meant.required || [] : [];
    return Object.fromEntries(required.map((name) => [name, this.example(meant.properties[name], depth + 1)]));
  }

  curl(method, path, operation) {
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const needed = (operation.parameters || []).filter((one) => one.in === 'query' && one.required);
    const query = needed.map((one) => `${one.name}={${one.name}}`).join('&');
    const lines = [`curl ${quoted(location.origin + path + (query ? '?' + query : ''))}`];
    if (method !== 'get' && method !== 'post') lines.push(`-X ${method.toUpperCase()}`);
    const key = KEYS[operation['x-tollgate-role']];
    if (key) lines.push(`-H "Authorization: Bearer $${key}"`);
    const body = operation.requestBody?.content?.['application/json'];
    if (body) {
      lines.push("-H 'Content-Type: application/json'");
      lines.push(`-d ${quoted(JSON.stringify(this.example(body.schema)))}`);
    } else if (method === 'post') {
      lines.push('-X POST');
    }
    return lines.join(' \\\n  ');
  }

  content(holder) {
    return Object.entries(holder.content || {}).map(([type, { schema }]) =>
      make('div', 'content', make('code', 'type', type), make('span', 'type', schema ? ` ${this.typeOf(schema)}` : ''),
        schema ? this.fields(schema) : null));
  }

  answer(status, response) {
    response = this.resolve(response);
    const kind = status.startsWith('2') ? 'ok' : status.startsWith('4') ? 'refused' : 'failed';
    return make('details', '',
      make('summary', '', make('span', `status ${kind}`, status), prose('span', '', response.description)),
      ...this.content(response));
  }

  parameters(operation) {
    const parameters = operation.parameters || [];
    if (!parameters.length) return [];
    return [make('h4', '', 'Parameters'), make('ul', 'fields', ...parameters.map((one) =>
      make('li', '', make('code', '', one.name), ' ',
        make('span', 'type', `in the ${one.in}, ${this.typeOf(one.schema)}`),
        one.required ? make('span', 'required', ' required') : null,
        prose('div', 'about', one.description))))];
  }

  role(operation) {
    const role = operation['x-tollgate-role'];
    return ROLES[role] || role;
  }

  article(method, path, operation) {
    const article = make('article', '',
      make('h3', '', make('span', `method ${method}`, method.toUpperCase()), pathOf(path),
        make('span', 'role', this.role(operation))),
      prose('p', 'summary', operation.summary), prose('p', 'about', operation.description),
      ...this.parameters(operation));
    if (operation.requestBody) article.append(make('h4', '', 'Body'), ...this.content(operation.requestBody));
    article.append(make('h4', '', 'Answers'));
    article.append(...Object.entries(operation.responses).map(([status, one]) => this.answer(status, one)));
    article.append(make('h4', '', 'Example'), make('pre', '', this.curl(method, path, operation)));
    article.id = operation.operationId;
    return article;
  }

  operations() {
    return Object.entries(this.description.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
  }

  show() {
    const { info, tags = [] } = this.description;
    document.title = info.title;
    document.getElementById('title').textContent = info.title;
    document.getElementById('version').textContent = info.version;
    const contents = document.getElementById('contents');
    const endpoints = document.getElementById('endpoints');
    endpoints.replaceChildren(prose('p', 'about', info.description));
    const all = this.operations();
    const groups = [];
    for (const tag of tags) {
      const rows = all.filter((one) => (one.operation.tags || [])[0] === tag.name).map((one) => {
        const link = make('a', '', make('span', `method ${one.method}`, one.method.toUpperCase()),
          pathOf(one.path));
        link.href = `#${one.operation.operationId}`;
        link.title = one.operation.summary || '';
        const words = [one.method, one.path, tag.name, this.role(one.operation), one.operation.summary,
          one.operation.description].join(' ').toLowerCase();
        return { link, article: this.article(one.method, one.path, one.operation), words };
      });
      if (!rows.length) continue;
      const heads = [make('h2', '', tag.name), make('h2', '', tag.name), prose('p', 'about', tag.description)];
      contents.append(heads[0], ...rows.map((row) => row.link));
      endpoints.append(heads[1], heads[2], ...rows.map((row) => row.article));
      groups.push({ heads, rows });
    }
    this.searchIn(groups);
    // The place that the address names is there only now.
    if (location.hash) location.replace(location.hash);
  }

  searchIn(groups) {
    const box = document.getElementById('search');
    box.addEventListener('input', () => {
      const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const { heads, rows } of groups) {
        for (const { link, article, words } of rows)
          link.hidden = article.hidden = !wanted.every((word) => words.includes(word));
        const none = rows.every(({ article }) => article.hidden);
        for (const head of heads) head.hidden = none;
      }
    });
  }
}

fetch('openapi.json')
  .then((reply) => reply.json())
  .then((description) => new Reader(description).show())
  .catch((error) => {
    document.getElementById('endpoints').textContent = `The description could not be read: ${error.message}`;
  });
