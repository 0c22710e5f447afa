"""The resources of our R4 patients as another version of FHIR writes them.

Written from the published definitions of the versions. A converter refuses what it does not know, and says so where
the version has no place for a statement; it never drops one in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.cds_hooks.chart.versions import dstu2, r5, stu3
from tests.cds_hooks.chart.versions.members import Converter, Json, Members, NotExpressibleError

VERSIONS = ("R4", "R4B", "R5", "STU3", "DSTU2")
_CONVERTERS: Mapping[str, Mapping[str, Converter]] = {
    "R5": r5.CONVERTERS,
    "STU3": stu3.CONVERTERS,
    "DSTU2": dstu2.CONVERTERS,
}


def in_version(resource: Json, version: str) -> Json:
    """Return an R4 resource in another version. R4B changed none of the resources used here.

    Args:
        resource: FHIR R4 JSON.
        version: one of `VERSIONS`.

    Raises:
        NotExpressibleError: the version has no place for something the resource says.
        ValueError: the converter does not know a member.
    """
    if version in ("R4", "R4B"):
        return resource
    converter = _CONVERTERS[version].get(resource["resourceType"])
    if converter is None:
        raise NotExpressibleError(resource["resourceType"])
    members = Members(resource)
    contained = [in_version(one, version) for one in members.take("contained") or ()]
    converted = converter(members)
    members.all_taken()
    return {**converted, "contained": contained} if contained else converted


def narrowed(resource: Json) -> Json:
    """Return an R4 resource without what STU3 and DSTU2 have no room for, so that the rest can be compared.

    That is the calculated dose beside the ordered one, and a number of refills that is zero.
    """
    resource = {**resource}
    if instructions := resource.get("dosageInstruction"):
        resource["dosageInstruction"] = [
            {**row, "doseAndRate": [stu3.ordered_dose(Members(row))]} if row.get("doseAndRate") else row
            for row in instructions
        ]
    if "dispenseRequest" in resource:
        resource |= {"dispenseRequest": {}, **stu3.dispensing(Members(resource))}
    return resource


def both_ways(resources: Iterable[Json], version: str) -> tuple[list[Json], list[Json], list[Json]]:
    """Return the resources a version can carry: in R4 and in the version; and in R4 those it cannot carry."""
    before: list[Json] = []
    after: list[Json] = []
    lost: list[Json] = []
    for resource in resources:
        try:
            converted = in_version(resource, version)
        except NotExpressibleError:
            lost.append(resource)
            continue
        before.append(narrowed(resource) if version in ("STU3", "DSTU2") else resource)
        after.append(converted)
    return before, after, lost
