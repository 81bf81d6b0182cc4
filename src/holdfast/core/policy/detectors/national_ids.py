"""Check digits of national identifiers: each function takes the bare characters and says whether they agree.

Sources: ISO/IEC 7064 for the moduli with a name; the issuing authorities' specifications otherwise, named
at each function. A number that agrees is possible, not issued.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from holdfast.core.policy.detectors.payment import luhn

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_FISCALE_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
         10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def ssn(digits: str) -> bool:
    """US social security number: no area 000, 666 or 9xx, no group 00, no serial 0000 (SSA, since 2011)."""
    return (
        digits[:3] not in ("000", "666")
        and digits[0] != "9"
        and digits[3:5] != "00"
        and digits[5:] != "0000"
        and digits not in ("123456789", "078051120", "219099999")
        and len(set(digits)) > 1
    )


def itin(digits: str) -> bool:
    """US individual taxpayer number: 9xx with a group from 50 to 65, 70 to 88, 90 to 92 or 94 to 99 (IRS)."""
    group = int(digits[3:5])
    return digits[0] == "9" and (50 <= group <= 65 or (70 <= group <= 99 and group not in (89, 93)))


def nino(value: str) -> bool:
    """UK national insurance number: prefixes that are given out (HMRC NIM39110)."""
    prefix = value[:2].upper()
    return (
        not set(prefix) & set("DFIQUV")
        and prefix[1] != "O"
        and prefix not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")
    )


def nhs(digits: str) -> bool:
    """UK NHS number: weights 10 to 2, modulo 11 (NHS data dictionary)."""
    check = 11 - _weighted(digits[:9], range(10, 1, -1)) % 11
    return check % 11 == int(digits[9]) and check != 10 and len(set(digits)) > 1


def dni(value: str) -> bool:
    """Spanish DNI and NIE: number modulo 23 gives the letter; X, Y, Z stand for 0, 1, 2 (Ministerio del Interior)."""
    number = value[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return _DNI[int(number) % 23] == value[-1].upper()


def codice_fiscale(value: str) -> bool:
    """Italian codice fiscale: values of odd and even places, modulo 26 (D.M. 23/12/1976)."""
    value = value.upper()
    odd = sum(_FISCALE_ODD[char] for char in value[:15:2])
    even = sum(int(char) if char.isdigit() else ord(char) - 65 for char in value[1:15:2])
    return chr(65 + (odd + even) % 26) == value[15]


def steuer_id(digits: str) -> bool:
    """German tax number: one digit twice or thrice among the first ten, ISO/IEC 7064 MOD 11,10 (BZSt)."""
    most = max(digits[:10].count(digit) for digit in digits[:10])
    if digits[0] == "0" or most not in (2, 3):
        return False
    product = 10
    for digit in digits[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def nir(value: str) -> bool:
    """French NIR: 97 minus the number modulo 97; Corsica 2A is 19, 2B is 18 (INSEE)."""
    number = value[:-2].upper().replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number) % 97 == int(value[-2:])


def cpf(digits: str) -> bool:
    """Brazilian CPF: two check digits modulo 11 (Receita Federal)."""
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        check = _weighted(digits[:length], range(length + 1, 1, -1)) * 10 % 11 % 10
        if check != int(digits[length]):
            return False
    return True


def aadhaar(digits: str) -> bool:
    """Indian Aadhaar: Verhoeff's check digit, no 0 or 1 in front (UIDAI)."""
    row = 0
    for place, digit in enumerate(reversed(digits)):
        row = int(_VERHOEFF_D[row][int(_VERHOEFF_P[place % 8][int(digit)])])
    return row == 0 and digits[0] not in "01" and len(set(digits)) > 1


def bsn(digits: str) -> bool:
    """Dutch BSN: weights 9 to 2 and -1, modulo 11 (RvIG)."""
    return _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and len(set(digits)) > 1


def rijksregister(digits: str) -> bool:
    """Belgian national number: 97 minus the number modulo 97, with a 2 in front for births since 2000."""
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def pesel(digits: str) -> bool:
    """Polish PESEL: weights 1 3 7 9, modulo 10, a possible month and day (Dz.U. 2010 nr 217)."""
    check = -_weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return check == int(digits[10]) and 1 <= int(digits[2:4]) % 20 <= 12 and 1 <= int(digits[4:6]) <= 31


def nif_pt(digits: str) -> bool:
    """Portuguese NIF: weights 9 to 2, modulo 11 (Autoridade Tributária)."""
    check = 11 - _weighted(digits[:8], range(9, 1, -1)) % 11
    return (0 if check > 9 else check) == int(digits[8])


def personnummer(digits: str) -> bool:
    """Swedish personnummer: Luhn over ten digits, a possible month and day (Skatteverket)."""
    ten = digits[-10:]
    return luhn(ten) and 1 <= int(ten[2:4]) <= 12 and 1 <= int(ten[4:6]) % 60 <= 31


def hetu(value: str) -> bool:
    """Finnish personal identity code: date and number modulo 31 (DVV)."""
    return _HETU[int(value[:6] + value[7:10]) % 31] == value[10].upper() and 1 <= int(value[2:4]) <= 12


def sin(digits: str) -> bool:
    """Canadian social insurance number: Luhn (ESDC)."""
    return luhn(digits) and digits[0] not in "08" and len(set(digits)) > 2


def tfn(digits: str) -> bool:
    """Australian tax file number: weights, modulo 11 (ATO)."""
    return len(digits) == 9 and _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0 and len(set(digits)) > 2


def resident_id(value: str) -> bool:
    """Chinese resident identity number: ISO/IEC 7064 MOD 11-2, a possible date (GB 11643-1999)."""
    if not ("1900" <= value[6:10] <= "2099" and 1 <= int(value[10:12]) <= 12 and 1 <= int(value[12:14]) <= 31):
        return False
    total = _weighted(value[:17], (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return "10X98765432"[total % 11] == value[17].upper()


def rsa_id(digits: str) -> bool:
    """South African identity number: Luhn, a possible month and day (Department of Home Affairs)."""
    return luhn(digits) and 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31 and digits[10] in "01"


def curp(value: str) -> bool:
    """Mexican CURP: base 37 with Ñ between N and O, modulo 10 (RENAPO)."""
    order = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(order.index(char) * (18 - place) for place, char in enumerate(value[:17].upper()))
    return str(-total % 10) == value[17]


def my_number(digits: str) -> bool:
    """Japanese individual number: weights 2 to 7, modulo 11 (Order 85 of 2014)."""
    total = sum(
        int(digit) * (place + 1 if place <= 6 else place - 5) for place, digit in enumerate(reversed(digits[:11]), 1)
    )
    return (0 if total % 11 <= 1 else 11 - total % 11) == int(digits[11]) and len(set(digits)) > 2


def always(value: str) -> bool:
    """For formats without a public check digit; the words around them decide."""
    return len(set(value)) > 1 and bool(re.search(r"\d", value))
