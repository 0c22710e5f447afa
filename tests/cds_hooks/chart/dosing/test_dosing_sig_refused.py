"""Sigs that carry no dose, or whose dose must not be guessed."""

import pytest

from cds_hooks.chart.dosing import Dose, IssueCode, read_dose


def read(sig: str, strength: float | None = None) -> Dose:
    order = {"dosageInstruction": [{"text": sig}]}
    return read_dose(order, strength_mg=strength, drug_names=("lenalidomide", "Revlimid"))


@pytest.mark.parametrize(
    "noise",
    [
        "Swallow whole with 8 oz of water; do not break, chew or open.",
        "With or without food.",
        "Hold if ANC < 1000 or platelets < 30,000.",
        "Call 1-888-555-0100 with questions.",
        "Call the clinic if temperature is above 38.5.",
        "REMS Auth # 12345678, Adult Male, 06/01/2030",
        "Celgene Auth # 1234567 Date obtained 1/2/2030",
        "Dispense #21, no refills. 28 day supply.",
        "Dx: multiple myeloma (C90.00)",
        "Max 25 mg per day.",
        "Do not take more than 25 mg (1 capsule) daily.",
        "If you miss a dose by less than 12 hours, take it; otherwise skip.",
        "Take at least 2 hours after a meal.",
        "Avoid sun exposure.",
        "For 6 cycles.",
        "Take with dexamethasone.",
        "Started Jan 5, 2030.",
        "Until disease progression or unacceptable toxicity.",
        "As directed.",
    ],
)
def test_what_stands_around_a_dose_does_not_change_it(noise: str) -> None:
    for sig in (f"10 mg daily. {noise}", f"{noise} 10 mg daily"):
        assert read(sig).average_mg_per_day == 10, sig


@pytest.mark.parametrize(
    "sig",
    [
        "Take as directed",
        "See instructions",
        "25 mg capsule",
        "do not take more than 25 mg",
        "do not take more than 25 mg daily",
        "take no more than 1 capsule (25 mg) daily",
        "max 25 mg per day",
        "hold if ANC < 1000",
        "call 888-555-0100",
        "12/31/2030",
        "Total daily dose 25 mg",
        "25",
        "daily",
        ".",
    ],
)
def test_a_sig_without_a_dose(sig: str) -> None:
    dose = read(sig, 25)
    assert dose.single_mg is None
    assert dose.average_mg_per_day is None
    assert dose.has(IssueCode.NO_DOSE)


@pytest.mark.parametrize(
    "sig",
    [
        # several amounts or frequencies
        "alternate 10 mg and 15 mg every other day",
        "10 mg alternating with 5 mg daily",
        "10 mg daily, may increase to 15 mg after 3 cycles",
        "10 mg daily for cycle 1, 15 mg daily for cycle 2",
        "25 mg on days 1-21 and 10 mg on days 22-28",
        "25 mg daily. 10 mg daily.",
        "15 mg once daily every other day",
        "10 mg in am then 5 mg in pm",
        "25 mg daily twice a day",
        "25 mg daily on Mondays",
        # exceptions and conditions
        "25 mg daily except Sundays",
        "25 mg daily, not continuous",
        "10 mg daily. If CrCl < 60 take 5 mg daily",
        "if neutropenic take 5 mg otherwise 10 mg daily",
        "10 mg on non-dialysis days",
        "15 mg on even days",
        "25 mg daily then off",
        "25 mg daily or as directed",
        "hold 7 days then resume 10 mg daily",
        # other drugs
        "25 mg daily with dexamethasone 40 mg weekly",
        "25 mg daily with 81 mg aspirin",
        "Take 25 mg daily. Also take zorbaxin 81 mg daily",
        # figures nobody has claimed
        "1/2 capsule daily",
        "1½ capsules daily",
        "1 1/2 capsules daily",
        "25 mg² daily",
        "25 mg daily x 21",
        "take 2 daily",
        "2 (one) capsules daily",
        "2.5.5 mg daily",
        "25 mg/m2 daily",
        "take thirty five mg daily",
        "Take 2 capsules (10 mg) daily",
        "Take 10 mg (two 10 mg capsules) daily",
        "25 mg biweekly",
        "25 mg every fortnight",
        "25 mg daily 7 days off",
        "10 mg daily T/Th",
        "1-0-0",
        # other languages
        "Nimm 1 Kapsel täglich",
        "1 capsule 1 fois par jour",
        "prendre 1 capsule par jour",
    ],
)
def test_an_ambiguous_sig_is_refused(sig: str) -> None:
    dose = read(sig)
    assert dose.average_mg_per_day is None
    assert dose.has(IssueCode.AMBIGUOUS_TEXT), dose.unreadable
