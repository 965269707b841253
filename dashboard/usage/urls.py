"""Addresses of the usage app."""

from django.urls import path

from dashboard.usage.views import accounts, compare, daily, deeds, keys, readings

app_name = "usage"
ACCOUNTS = "teams/<slug:slug>/accounts/"
ACCOUNT = f"{ACCOUNTS}<uuid:pk>/"
KEYS = "teams/<slug:slug>/keys/"
COMPARE = "teams/<slug:slug>/compare"
urlpatterns = [
    path(f"{COMPARE}/", compare.accounts, name="compare_accounts"),
    path(f"{COMPARE}.json", compare.accounts_json, name="compare_accounts_json"),
    path(ACCOUNTS, accounts.index, name="accounts"),
    path(ACCOUNT, accounts.account, name="account"),
    path(f"{ACCOUNT}this-cycle.json", accounts.this_cycle, name="this_cycle"),
    path(f"{ACCOUNT}cycles.json", accounts.cycles, name="cycles"),
    path(f"{ACCOUNT}months.json", accounts.months, name="months"),
    path(f"{ACCOUNT}days/", daily.days, name="days"),
    path(f"{ACCOUNT}days.json", daily.days_json, name="days_json"),
    path(f"{ACCOUNT}compare/", compare.account, name="compare"),
    path(f"{ACCOUNT}compare.json", compare.account_json, name="compare_json"),
    path(f"{ACCOUNT}rename/", accounts.edit, name="rename_account"),
    path(f"{ACCOUNT}archive/", deeds.archive, name="archive_account"),
    path(f"{ACCOUNT}refresh/", deeds.refresh, name="refresh"),
    path(f"{ACCOUNT}join/", deeds.join, name="join"),
    path(f"{ACCOUNT}use-again/", deeds.use_again, name="use_again"),
    path(f"{ACCOUNT}keep-apart/", deeds.keep_apart, name="keep_apart"),
    path(f"{ACCOUNT}readings/", readings.index, name="readings"),
    path(f"{ACCOUNT}readings/<uuid:reading>/", readings.reading, name="reading"),
    path(f"{KEYS}add/", keys.add, name="add_key"),
    path(f"{KEYS}<uuid:pk>/replace/", keys.replace, name="replace_key"),
]
