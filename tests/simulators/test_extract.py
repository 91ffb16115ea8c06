import json

from outlook_addin_sandbox.unblu.extract import OPERATIONS, TARGET, bare, extract

SCHEMAS = {
    "Used": {"type": "object", "properties": {"description": {"$ref": "#/components/schemas/Deep"}}},
    "Deep": {"type": "string", "description": "prose", "x-type": "Map"},
    "Unused": {"type": "string"},
}


def operation(name: str) -> dict[str, object]:
    schema = {"$ref": "#/components/schemas/Used"}
    return {
        "operationId": name,
        "summary": "prose",
        "x-required-role": ["ADMIN"],
        "responses": {"200": {"description": "prose", "content": {"application/json": {"schema": schema}}}},
    }


def test_only_used_operations_and_what_they_reach_are_kept() -> None:
    full = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1", "description": "prose"},
        "paths": {"/ping": {"get": operation("globalPing")}, "/other": {"get": operation("other")}},
        "components": {"schemas": SCHEMAS, "responses": {}},
    }
    reduced = extract(full)
    assert list(reduced["paths"]) == ["/ping"]
    assert set(reduced["components"]["schemas"]) == {"Used", "Deep"}
    assert reduced["paths"]["/ping"]["get"]["x-required-role"] == ["ADMIN"]
    assert "prose" not in json.dumps(reduced)


def test_a_property_that_is_called_description_is_kept() -> None:
    assert bare(SCHEMAS["Used"]) == SCHEMAS["Used"]


def test_the_kept_extract_holds_every_operation_and_no_prose() -> None:
    kept = json.loads(TARGET.read_text(encoding="utf-8"))
    found = {body["operationId"] for methods in kept["paths"].values() for body in methods.values()}
    assert found == set(OPERATIONS)
    assert kept["info"]["version"] == "8.9.2"
    assert "<br>" not in TARGET.read_text(encoding="utf-8")
