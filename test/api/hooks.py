# Information that schemathesis lacks: the shop's resources, tokens that only the shop makes, and rules that no schema states.
import json
import os
import random
import re

import schemathesis
from schemathesis.core.parameters import ParameterLocation

TOKEN = os.environ["CONSISTENCY_TOKEN"]
# By the first word of a path: the combinations of its parameters.
THINGS = json.loads(os.environ["THINGS"])

KEY = re.compile(r"[\x20-\x7e]{1,255}")
SEALED = re.compile(r"[A-Za-z0-9_-]+")
SHARE_OF_THINGS_THAT_EXIST = 0.9
SHARE_OF_FRESH_KEYS = 0.9
chance = random.Random(int(os.environ["SCHEMATHESIS_SEED"]))

# Rules between fields, and between a field and the shop's settings: a request that fits its schema may get 400 for these. The
# document states them in words. Every other rule must be in its schemas.
RULES = re.compile(
    "|".join(
        [
            r"^is [A-Z]+, but the shop (sells|sends) only ",
            r"^must be a region of |^is required in |^is no postcode of ",
            r"^is [A-Z]{3}, but the cart is in ",
            r"^is not a guest token",
            r"^from and to must differ$",
            r"^must have at most two decimals$",
            r"^one (price per currency|variant per SKU)$",
            r"^validUntil must be after validFrom$",
            r"^is no event of [a-z-]+, which has ",
            r"^must not be before \?from$",
            r"^Give one of \?number, \?customerId and \?email$",
            r"^must be the currency of the coupon",
            r"^(regions need exactly one country|a flat zone has one rate|each rate must reach further)",
        ]
    )
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Without this, nearly every request would be rejected before its body, or more than its first error, is checked."""
    if case.meta is None:
        return
    varied = case.meta.phase.data.parameter if case.meta.generation.mode.is_negative else None
    # Any change makes schemathesis send the header that it intends to leave out.
    if varied == "Authorization":
        return
    if varied != "Consistency-Token" and SEALED.fullmatch(str(case.headers.get("Consistency-Token", ""))):
        case.headers["Consistency-Token"] = TOKEN
    if varied != "after" and SEALED.fullmatch(str(case.query.get("after", ""))):
        del case.query["after"]
    # A key that was used for another body is rejected, so most keys are fresh.
    if varied != "Idempotency-Key" and KEY.fullmatch(str(case.headers.get("Idempotency-Key", ""))):
        if chance.random() < SHARE_OF_FRESH_KEYS:
            case.headers["Idempotency-Key"] = f"key-{chance.getrandbits(64):x}"
    # Schemathesis' own simplest tag, which ignores the documented pattern.
    for name in ("If-Match", "If-None-Match"):
        if varied != name and case.headers.get(name) == "0":
            del case.headers[name]
    if not case.meta.is_negative_at(ParameterLocation.PATH) and chance.random() < SHARE_OF_THINGS_THAT_EXIST:
        things = THINGS.get(case.operation.path.split("/")[2], [{}])
        for name, value in chance.choice(things).items():
            if name in case.path_parameters:
                case.path_parameters[name] = value


@schemathesis.check
def document_says_what_is_enforced(ctx, response, case):
    if response.status_code != 400 or not (case.meta and case.meta.generation.mode.is_positive):
        return
    unsaid = [error for error in response.json().get("errors", [{}]) if not RULES.search(error.get("detail", ""))]
    if unsaid:
        raise AssertionError(f"Fits the document, but is refused for what it does not say: {unsaid}")
