"""Which products there are, and what each gives: the specification's *Requirements*, as a table."""

from django.db import models


class Product(models.TextChoices):
    CONTACT_CENTER_PREMIUM = "contact_center_premium", "Contact Center Premium"
    CONTACT_CENTER_ELITE = "contact_center_elite", "Contact Center Elite"
    PHONE_PRO = "phone_pro", "Phone Pro"
    PHONE_CALLING_PLAN = "phone_calling_plan", "Phone calling plan"
    WORKPLACE_WITH_PHONE = "workplace_with_phone", "Workplace bundle with Phone"
    AUTO_DIALER = "auto_dialer", "Auto Dialer add-on for Phone"
    MONITORING_SKU = "monitoring_sku", "Spam Monitoring and Remediation"


# Numbers in an outbound dialer campaign are covered by these, without a seat of the SKU.
COVERS_CAMPAIGN_NUMBERS = frozenset({Product.CONTACT_CENTER_PREMIUM, Product.CONTACT_CENTER_ELITE, Product.AUTO_DIALER})
# Any other number needs one of these products and a free seat of the SKU.
PRODUCT_LICENCES = frozenset(Product) - {Product.MONITORING_SKU}
SEATS_OF = Product.MONITORING_SKU
