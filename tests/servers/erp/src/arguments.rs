//! Arguments as the schemas of `definitions.json` allow them, and nothing else: unknown, missing, `null` and
//! out-of-bounds values do not parse. A test holds this file and the schemas together.

use acme_mcp::argument::{Text, Whole, present};
use serde::{Deserialize, Serialize};

/// Number of an order, an invoice or a supplier.
pub(crate) type Number = Text<3, 20>;

/// An international bank account number.
pub(crate) type Iban = Text<15, 34>;

/// Money in minor units, from 0.01 to a million.
pub(crate) type Cents = Whole<1, 100_000_000>;

/// Currencies that the bank keeps accounts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Currency {
    #[serde(rename = "EUR")]
    Euro,
    #[serde(rename = "GBP")]
    Pound,
    #[serde(rename = "USD")]
    Dollar,
}

/// Countries that suppliers may be registered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Country {
    #[serde(rename = "DE")]
    Germany,
    #[serde(rename = "ES")]
    Spain,
    #[serde(rename = "FR")]
    France,
    #[serde(rename = "GB")]
    Britain,
    #[serde(rename = "PT")]
    Portugal,
    #[serde(rename = "US")]
    UnitedStates,
}

/// Of `get_order`, `preview_cancel` and `cancel_order`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfOrder {
    pub(crate) order_id: Number,
}

/// Of `get_invoice`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfInvoice {
    pub(crate) invoice_id: Number,
}

/// Of `preview_refund` and `create_refund`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    pub(crate) order_id: Number,
    pub(crate) amount_cents: Cents,
    pub(crate) currency: Currency,
    #[serde(default, deserialize_with = "present")]
    pub(crate) bank_account: Option<Iban>,
}

/// Of `update_order_note`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    pub(crate) order_id: Number,
    pub(crate) note: Text<1, 500>,
}

/// Of `create_supplier`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSupplier {
    pub(crate) name: Text<1, 100>,
    pub(crate) country: Country,
    pub(crate) iban: Iban,
}

/// Of `change_supplier_bank_account`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    pub(crate) supplier_id: Number,
    pub(crate) iban: Iban,
}
