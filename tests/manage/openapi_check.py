#!/usr/bin/python3
"""Answers of the API against the OpenAPI document that it serves: `openapi_check.py FILE`.

FILE has a JSON object: `document`, and `answers`, a list of {method, path, status, body}, whose
path is that of the document. An answer that the document does not describe is an error, as is a
field that it does not name.
"""

import json
import sys

import jsonschema


def closed(schema):
    """The same, but fields that it does not name are not allowed."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get('properties'), dict):
        result.setdefault('additionalProperties', False)
    return result


def main():
    with open(sys.argv[1], encoding='utf-8') as file:
        given = json.load(file)
    document = given['document']
    components = closed(document['components'])
    wrong = 0
    seen = set()
    for answer in given['answers']:
        operation = document['paths'][answer['path']][answer['method'].lower()]
        responses = operation['responses']
        response = responses.get(str(answer['status']), responses['default'])
        (content,) = response['content'].values()
        schema = dict(content['schema'], components=components)
        jsonschema.Draft202012Validator.check_schema(schema)
        seen.add((answer['method'], answer['path'], answer['status'] == 200))
        for error in jsonschema.Draft202012Validator(schema).iter_errors(answer['body']):
            print(answer['method'], answer['path'], list(error.absolute_path), error.message[:300])
            wrong += 1
    for path, operations in document['paths'].items():
        for method in operations:
            if (method.upper(), path, True) not in seen:
                print(method.upper(), path, 'was never answered with 200')
                wrong += 1
    print(len(given['answers']), 'answers,', wrong, 'wrong')
    return 1 if wrong else 0


sys.exit(main())
