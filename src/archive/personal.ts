import type { Json } from "../model/matrix.ts";

/**
 * Names of claims, settings and columns whose value is about a person. Compared without case, `_` and `-`, by their
 * last part (`app.user_email` → `useremail`). Sources: OpenID Connect Core 1.0 §5.1, and national identity numbers.
 */
const personalNames: ReadonlySet<string> = new Set(
  [
    "name fullname displayname firstname lastname givenname familyname middlename surname",
    "nickname username preferredusername",
    "email mail phone phonenumber mobile mobilephone workphone telephone",
    "address streetaddress postaladdress location birthdate birthday dateofbirth dob",
    "gender pronouns picture avatar avatarurl profile website bio",
    "ip ipaddress rut dni curp cpf ssn nin nationalid passport taxid iban",
  ].flatMap((line) => line.split(" ")),
);

export function isPersonalName(name: string): boolean {
  const last = (name.split(".").at(-1) ?? name).toLowerCase().replaceAll(/[_-]/g, "");
  return personalNames.has(last) || /e?mail(address)?$|phone(number)?$/.test(last);
}

const email = /[\p{L}\p{N}._%+-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu;
/** International form only: without the plus, a date, an id or an amount would look the same. */
const phone = /(?<![\p{L}\p{N})])(?:\+|%2B)\d(?:[ ().-]?\d){7,14}(?![\p{L}\p{N}])/gu;

/** Emails and international phone numbers anywhere in a text. */
export function maskText(text: string): string {
  // Nearly every text has neither sign.
  const withoutEmails = /@|%40/.test(text) ? text.replaceAll(email, "[email]") : text;
  return /\+|%2B/.test(withoutEmails) ? withoutEmails.replaceAll(phone, "[phone]") : withoutEmails;
}

/** What stands for a value that is personal by its name. A mask stays as it is: records may come here twice. */
export function personalMask(value: string): string {
  const masked = maskText(value);
  return /^\[(?:email|phone)\]$/.test(masked) ? masked : "[personal]";
}

/** Masks by name (and everything below such a name) and by looks. Booleans and NULL stay, and numbers elsewhere. */
export function maskValue(value: Json, personal = false): Json {
  if (typeof value === "string") return personal ? personalMask(value) : maskText(value);
  if (typeof value === "number") return personal ? "[personal]" : value;
  if (Array.isArray(value)) return value.map((item: Json) => maskValue(item, personal));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, Json]) => [
      name,
      maskValue(item, personal || isPersonalName(name)),
    ]),
  );
}
